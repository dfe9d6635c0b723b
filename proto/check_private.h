/* SPDX-License-Identifier: Apache-2.0 */
/* Field checks shared by check.c (control link) and check_stream.c (mail link). */
#ifndef PROTO_CHECK_PRIVATE_H
#define PROTO_CHECK_PRIVATE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/err.h"

/* Printable UTF-8 of at most max bytes without control characters; least: 0 or 1. */
MUST_USE bool check_text(const ProtobufCBinaryData *b, const char *what, size_t least,
    size_t max, struct err *e);
/* UTF-8 with whatever characters people use, but no NUL: names that Zimbra holds. */
MUST_USE bool check_name(const ProtobufCBinaryData *b, const char *what, size_t least,
    size_t max, struct err *e);
/* Any bytes, bounded. */
MUST_USE bool check_size(const ProtobufCBinaryData *b, const char *what, size_t least,
    size_t max, struct err *e);
/* [a-z0-9-]{1,40} */
MUST_USE bool check_move_id(const ProtobufCBinaryData *b, struct err *e);
MUST_USE bool check_count(size_t count, const char *what, size_t max, struct err *e);
MUST_USE bool check_number(
    uint64_t value, const char *what, uint64_t least, uint64_t max, struct err *e);

#endif
