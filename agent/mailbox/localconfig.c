/* SPDX-License-Identifier: Apache-2.0 */
/* Read once, without network, entities or DTD; the password goes straight into a secret. */
#include "agent/mailbox/localconfig.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOCALCONFIG_MAX (1024 * 1024)

static xmlChar *
localconfig_get(const xmlNode *root, const char *key)
{
	for (const xmlNode *n = root->children; n != NULL; n = n->next) {
		xmlChar *name;
		bool same;

		if (n->type != XML_ELEMENT_NODE ||
		    xmlStrcmp(n->name, BAD_CAST "key") != 0)
			continue;
		name = xmlGetProp(n, BAD_CAST "name");
		same = name != NULL && xmlStrcmp(name, BAD_CAST key) == 0;
		xmlFree(name);
		for (xmlNode *v = same ? n->children : NULL; v != NULL; v = v->next) {
			if (v->type == XML_ELEMENT_NODE &&
			    xmlStrcmp(v->name, BAD_CAST "value") == 0)
				return xmlNodeGetContent(v);
		}
	}
	return NULL;
}

static bool
localconfig_text(const xmlNode *root, const char *key, const char *fallback, char *out,
    size_t size, const char *path, struct err *e)
{
	xmlChar *value = localconfig_get(root, key);
	const char *text = value == NULL ? fallback : (const char *)value;
	bool ok = text != NULL && text[0] != '\0' && strlen(text) < size;

	if (ok)
		memcpy(out, text, strlen(text) + 1);
	else
		err_set(e, ERR_REFUSED,
		    "%s: key \"%s\" is missing or too long; is this Zimbra's local "
		    "configuration?",
		    path, key);
	xmlFree(value);
	return ok;
}

bool
localconfig_load(const char *path, struct localconfig *out, struct err *e)
{
	struct stat st;
	xmlDoc *doc;
	xmlNode *root;
	xmlChar *password = NULL;
	char port[16];
	bool ok = false;

	memset(out, 0, sizeof(*out));
	if (stat(path, &st) != 0 || st.st_size > LOCALCONFIG_MAX)
		return err_set(e, ERR_REFUSED,
		    "%s: cannot be read; the agent must run as user zimbra", path);
	doc = xmlReadFile(
	    path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	root = doc == NULL ? NULL : xmlDocGetRootElement(doc);
	if (root == NULL) {
		err_set(e, ERR_REFUSED,
		    "%s: is no XML, or not readable; the agent must run as user zimbra",
		    path);
		goto out;
	}
	if (!localconfig_text(root, "zimbra_server_hostname", NULL, out->host,
		sizeof(out->host), path, e) ||
	    !localconfig_text(root, "zimbra_ldap_user", "zimbra", out->admin_name,
		sizeof(out->admin_name), path, e) ||
	    !localconfig_text(
		root, "zimbra_admin_service_port", "7071", port, sizeof(port), path, e))
		goto out;
	out->admin_port = (unsigned)strtoul(port, NULL, 10);
	password = localconfig_get(root, "zimbra_ldap_password");
	if (password == NULL || password[0] == '\0') {
		err_set(
		    e, ERR_REFUSED, "%s: key \"zimbra_ldap_password\" is missing", path);
		goto out;
	}
	out->admin_password = secret_new(password, strlen((const char *)password));
	secret_wipe(password, strlen((const char *)password));
	ok = true;
out:
	xmlFree(password);
	xmlFreeDoc(doc);
	return ok;
}

void
localconfig_fini(struct localconfig *lc)
{
	secret_free(&lc->admin_password);
}
