/* SPDX-License-Identifier: Apache-2.0 */
/* What print_text.c and print_moves.c share. */
#ifndef CLI_PRINT_PRIVATE_H
#define CLI_PRINT_PRIVATE_H

#include "controller/cli/print.h"

/* Fields of an answer; what is absent is "" or 0. */
const char *text_of(const json_t *object, const char *key);
/* The same for printf's %s: a word that the controller chose, should it not be one. */
const char *word_of(const json_t *object, const char *key);
double number_of(const json_t *object, const char *key);
long long integer_of(const json_t *object, const char *key);

/* The widest text of a column, at least least, at most 48. */
int column_width(const json_t *rows, const char *key, int least);
void print_cell(FILE *out, const char *text, int width);
/* text without its "account NAME: ", where NAME stands in front of it already. */
void print_without_account(FILE *out, const char *text, const char *account);
/* The first most alerts, and how many more there are. */
void print_alerts_some(FILE *out, const json_t *answer, size_t most);
/* The ways out of alerts; only_bad: those that do not get through. */
void print_ways(FILE *out, const json_t *answer, bool only_bad);

#endif
