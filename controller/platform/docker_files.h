/* SPDX-License-Identifier: Apache-2.0 */
/* A file as the tar that Docker unpacks into a container. */
#ifndef CONTROLLER_DOCKER_FILES_H
#define CONTROLLER_DOCKER_FILES_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

/*
 * path is absolute; its folders come along, mode 0755 and the same owner, so that they need not be there.
 * owner: "uid:gid" in numbers, else ERR_REFUSED. mode 0400.
 */
MUST_USE bool docker_file_tar(const char *path, const char *owner, const void *content,
    size_t size, struct buf *out, struct err *e);

#endif
