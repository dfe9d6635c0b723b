/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail filters, incoming and outgoing: Sieve scripts in LDAP that name folders by path and tags
 * by name. Zimbra rewrites them when a folder or tag is renamed, moved or deleted in *any*
 * mailbox of the account that is loaded, also in one that is being filled elsewhere: by the
 * beginning of the path ("/a" means "/ab" too), from what that server remembers of the account.
 * Source: FilterListener, RuleManager, FolderRenamer and FolderDeleted in zm-mailbox.
 * Blocking, one thread.
 */
#ifndef AGENT_FILTERS_H
#define AGENT_FILTERS_H

#include "agent/mailbox/target.h"

/* Does a script name that path, or one that begins like it? Letters' case does not count. */
bool filters_name_path(const char *script, const char *path);
/* Does a script name that tag? */
bool filters_name_tag(const char *script, const char *tag);

/*
 * May this folder or tag of the target's be renamed, moved or deleted? While the account lives
 * elsewhere and its filters name it, it may not: that is for the lock. Asks LDAP anew when what
 * is known is older than two seconds, after a flush of this server's cache, so that Zimbra sees
 * the same. At home: always.
 */
MUST_USE bool filters_may_change(
    struct target *t, const Wire__Folder *have, bool *may_out, struct err *e);

/*
 * Around changes of folders at home, under the lock, where nobody edits filters: remembers the
 * scripts in the spool, and sets back what Zimbra made of them. A second keep keeps the first.
 */
MUST_USE bool filters_keep(struct target *t, struct err *e);
MUST_USE bool filters_give_back(struct target *t, struct err *e);

#endif
