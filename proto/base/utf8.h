/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, strict: no overlong forms, no surrogates, nothing above U+10FFFF. What we say
 * to others must hold it, because they check (check.c) and drop who does not.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at p, of which left bytes are there; 0 = it is none. left > 0. */
size_t utf8_length(const void *p, size_t left);

/* Makes text of any origin one valid line, in place: control characters become spaces,
   foreign bytes '?', a character cut short at the end goes. It never gets longer. */
void utf8_tidy(char *text);

#endif
