/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People whose certificate counts, one each: who is not here has none, whatever it says on
 * it. So a certificate ends when its row goes, and a restored backup knows no later ones.
 */
#ifndef CONTROLLER_JOURNAL_OPERATORS_H
#define CONTROLLER_JOURNAL_OPERATORS_H

#include "controller/journal.h"
#include "proto/base/tls.h"

#define OPERATOR_NAME 49 /* with its end; "operator:" goes before it in a certificate */

struct operator_row {
	char name[OPERATOR_NAME];
	char fingerprint[TLS_FINGERPRINT_TEXT];
	int64_t made_ms, ends_ms;
	char made_by[80];
};

/* The one before of that name ends by it. */
MUST_USE bool
journal_operator_save(struct journal *j, const struct operator_row *row, struct err *e);
/* false: there is none, or it cannot be read. */
bool journal_operator_find(struct journal *j, const char *name, struct operator_row *out);
MUST_USE bool journal_operator_forget(struct journal *j, const char *name, struct err *e);
typedef void (*journal_operator_fn)(const struct operator_row *row, void *ctx);
MUST_USE bool journal_operators_each(
    struct journal *j, journal_operator_fn fn, void *ctx, struct err *e);

#endif
