/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory ends the process: with a journal, dying is cheaper than guessing. */
#include "proto/base/xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *
xcheck(void *p)
{
	static const char text[] = "out of memory\n";

	if (p != NULL)
		return p;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

void *
xcalloc(size_t count, size_t size)
{
	return xcheck(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *
xrealloc_array(void *p, size_t count, size_t size)
{
	return xcheck(reallocarray(p, count == 0 ? 1 : count, size == 0 ? 1 : size));
}

char *
xstrdup(const char *s)
{
	return s == NULL ? NULL : xcheck(strdup(s));
}

char *
xstrndup(const char *s, size_t len)
{
	return xcheck(strndup(s, len));
}

char *
xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return xcheck(len < 0 ? NULL : text);
}

void
xfree_at(void *pointer_address)
{
	void *p;

	memcpy(&p, pointer_address, sizeof(p));
	free(p);
	p = NULL;
	memcpy(pointer_address, &p, sizeof(p));
}
