/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mailbox holds, asked by SOAP on behalf of the account: the list of record and
 * changes (Sync), the tree (GetFolder, GetTag), counters. Blocking.
 */
#ifndef AGENT_ITEMS_H
#define AGENT_ITEMS_H

#include "agent/mailbox/spool.h"
#include "agent/mailbox/written.h"
#include "proto/zimbra/soap.h"

struct items_changes {
	uint32_t *changed; /* ids of items created or changed since the token, sorted */
	size_t changed_count;
	uint32_t *untouched; /* of these: as they came, nothing changed since; sorted */
	size_t untouched_count;
	uint32_t *deleted; /* ids, sorted */
	size_t deleted_count;
	uint32_t
	    *folders; /* ids of folders, search folders, links, tags changed, sorted */
	size_t folder_count;
	bool must_resync;	/* the token is too old: take everything as changed */
	struct written written; /* by more than mail coming in */
	char token[64];
};

/* Sync without a token: every item with its folder and type; sorted by id. */
MUST_USE bool items_list(struct soap_client *c, const char *account_id,
    struct spool_record_list *out, char *token_out, size_t token_size, struct err *e);
/* Sync since a token, all pages. */
MUST_USE bool items_changes(struct soap_client *c, const char *account_id,
    const char *token, struct items_changes *out, struct err *e);
void items_changes_free(struct items_changes *x);

/* Folders (kind folder, search, link) and tags with all that a steering needs. Free with
   wire__stream_tree__free_unpacked. */
MUST_USE bool items_tree(
    struct soap_client *c, const char *account_id, Wire__StreamTree **out, struct err *e);

/* Adds the sections of the mailbox's own metadata that are known by name. */
MUST_USE bool items_sections(
    struct soap_client *c, const char *account_id, Wire__StreamTree *tree, struct err *e);

MUST_USE bool items_last_id(struct soap_client *c, const char *account_id, uint64_t *out,
    uint64_t *change_out, struct err *e);
MUST_USE bool items_tracks_imap(
    struct soap_client *c, const char *account_id, bool *out, struct err *e);

#endif
