/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of rows by number, each in the one place that its number leads to. What is written
 * goes into its block as well; a row that does not follow on what the block has makes it
 * unknown, and it is read again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mailbox/spool_private.h"
#include "proto/base/xalloc.h"

#define BLOCK_ROWS 32
#define BLOCKS 512
#define NO_BLOCK UINT32_MAX

struct spool_block {
	uint32_t number;
	uint32_t rows; /* that the file has of it */
	uint8_t *bytes;
};

struct spool_rows {
	int fd; /* borrowed */
	size_t row_bytes;
	struct spool_block blocks[BLOCKS];
};

struct spool_rows *
spool_rows_new(int fd, size_t row_bytes)
{
	struct spool_rows *x = XNEW(struct spool_rows);

	x->fd = fd;
	x->row_bytes = row_bytes;
	for (size_t i = 0; i < BLOCKS; i++)
		x->blocks[i].number = NO_BLOCK;
	return x;
}

void
spool_rows_free(struct spool_rows **x)
{
	if (*x == NULL)
		return;
	for (size_t i = 0; i < BLOCKS; i++)
		free((*x)->blocks[i].bytes);
	xfree(x);
}

static void
rows_load(struct spool_rows *x, struct spool_block *b, uint32_t number)
{
	size_t size = BLOCK_ROWS * x->row_bytes;
	ssize_t n;

	if (b->bytes == NULL)
		b->bytes = xcalloc(1, size);
	n = pread(x->fd, b->bytes, size, (off_t)((uint64_t)number * size));
	b->number = n < 0 ? NO_BLOCK : number;
	b->rows = n < 0 ? 0 : (uint32_t)((size_t)n / x->row_bytes);
}

bool
spool_rows_read(struct spool_rows *x, uint32_t row, void *out)
{
	uint32_t number = row / BLOCK_ROWS;
	struct spool_block *b = &x->blocks[number % BLOCKS];

	if (b->number != number)
		rows_load(x, b, number);
	if (row % BLOCK_ROWS >= b->rows)
		return false;
	memcpy(out, b->bytes + row % BLOCK_ROWS * x->row_bytes, x->row_bytes);
	return true;
}

void
spool_rows_put(struct spool_rows *x, uint32_t row, const void *bytes)
{
	struct spool_block *b = &x->blocks[row / BLOCK_ROWS % BLOCKS];
	uint32_t at = row % BLOCK_ROWS;

	if (b->number != row / BLOCK_ROWS)
		return;
	if (bytes == NULL || at > b->rows) {
		b->number = NO_BLOCK;
		return;
	}
	memcpy(b->bytes + at * x->row_bytes, bytes, x->row_bytes);
	if (at == b->rows)
		b->rows++;
}
