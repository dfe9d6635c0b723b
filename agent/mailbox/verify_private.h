/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by verify_run.c (items), verify_tree.c (folders) and verify_report.c (the lists). */
#ifndef AGENT_VERIFY_PRIVATE_H
#define AGENT_VERIFY_PRIVATE_H

#include "agent/mailbox/items.h"
#include "agent/mailbox/manifest.h"
#include "agent/mailbox/verify.h"

/* Differences while they are collected: the unexplained ones come first in the end. */
struct verify_report {
	Wire__Verdict *verdict;
	Wire__Difference **plain;
	size_t plain_count;
	Wire__Difference **known;
	size_t known_count;
};

/* known "": unexplained. Texts are copied and made fit for the wire. */
void report_difference(struct verify_report *r, uint64_t item_id, uint64_t target_id,
    const char *type, const char *what, const char *known);
void report_not_carried(
    struct verify_report *r, uint64_t item_id, const char *type, const char *why);
void report_finish(struct verify_report *r);

/* Folders, search folders, mountpoints and tags. */
void verify_folders(
    struct target *t, const struct items_changes *changes, struct verify_report *r);

/*
 * A message whose bytes differ: why that is no loss, or NULL. Reads both texts.
 */
MUST_USE bool verify_compare_text(struct target *t, uint32_t id, uint32_t target_id,
    const char **known_out, struct err *e);

#endif
