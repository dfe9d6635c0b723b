/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/platform/docker_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

struct owner {
	int64_t uid, gid;
};

static bool
owner_parse(const char *text, struct owner *out, struct err *e)
{
	char *end;

	out->uid = strtol(text, &end, 10);
	if (end == text || *end != ':')
		goto bad;
	text = end + 1;
	out->gid = strtol(text, &end, 10);
	if (end != text && *end == '\0' && out->uid >= 0 && out->gid >= 0)
		return true;
bad:
	return err_set(e, ERR_REFUSED,
	    "platform_identity_owner: must be numbers, as \"998:998\" (in your image: id "
	    "zimbra)");
}

static bool
tar_add(struct archive *a, const char *name, mode_t type, mode_t mode,
    const struct owner *owner, const void *content, size_t size)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_uid(entry, owner->uid);
	archive_entry_set_gid(entry, owner->gid);
	archive_entry_set_size(entry, (la_int64_t)size);
	ok = archive_write_header(a, entry) == ARCHIVE_OK &&
	     (size == 0 || archive_write_data(a, content, size) == (la_ssize_t)size);
	archive_entry_free(entry);
	return ok;
}

static la_ssize_t
tar_on_bytes(struct archive *a, void *ctx, const void *bytes, size_t size)
{
	(void)a;
	return buf_add(ctx, bytes, size) ? (la_ssize_t)size : -1;
}

bool
docker_file_tar(const char *path, const char *owner, const void *content, size_t size,
    struct buf *out, struct err *e)
{
	struct archive *a;
	struct owner who;
	char *name;
	bool ok;

	if (!owner_parse(owner, &who, e))
		return false;
	if (path[0] != '/' || path[1] == '\0' || path[strlen(path) - 1] == '/')
		return err_set(e, ERR_REFUSED,
		    "platform_identity \"%.150s\": must be a file's absolute path", path);
	a = archive_write_new();
	archive_write_set_format_ustar(a);
	archive_write_set_bytes_per_block(a, 0);
	name = xstrdup(path + 1);
	ok = archive_write_open(a, out, NULL, tar_on_bytes, NULL) == ARCHIVE_OK;
	for (char *slash = strchr(name, '/'); ok && slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ok = tar_add(a, name, AE_IFDIR, 0755, &(struct owner){0}, NULL, 0);
		*slash = '/';
	}
	ok = ok && tar_add(a, name, AE_IFREG, 0400, &who, content, size) &&
	     archive_write_close(a) == ARCHIVE_OK;
	if (!ok)
		err_set(e, ERR_REFUSED, "platform_identity \"%.150s\": %.150s", path,
		    archive_error_string(a) == NULL ? "cannot be packed"
						    : archive_error_string(a));
	archive_write_free(a);
	free(name);
	return ok;
}
