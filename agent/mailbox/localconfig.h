/* SPDX-License-Identifier: Apache-2.0 */
/* Zimbra's localconfig.xml: <localconfig><key name="..."><value>...</value></key>. */
#ifndef AGENT_LOCALCONFIG_H
#define AGENT_LOCALCONFIG_H

#include "proto/base/err.h"
#include "proto/base/secret.h"

struct localconfig {
	char host[256];		       /* zimbra_server_hostname */
	char admin_name[256];	       /* zimbra_ldap_user, as zmmailbox -z logs in */
	struct secret *admin_password; /* zimbra_ldap_password */
	unsigned admin_port;	       /* zimbra_admin_service_port, 7071 */
};

MUST_USE bool localconfig_load(const char *path, struct localconfig *out, struct err *e);
void localconfig_fini(struct localconfig *lc);

#endif
