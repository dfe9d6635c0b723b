/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that ends the process when memory is out. Sizes that come from
 * outside are checked against limits.h before they reach these functions.
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size); /* zeroed, never NULL */
void *xrealloc_array(void *p, size_t count, size_t size);
char *xstrdup(const char *s); /* NULL stays NULL */
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define XNEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Frees *p and sets it to NULL; p is the address of a pointer. */
#define xfree(p) (xfree_at((void *)(p)))
void xfree_at(void *pointer_address);

#endif
