/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking is not checking: protobuf-c lets through NULs, bad UTF-8, unknown enum
 * values, empty oneofs and lists of any length. These are called by frame.c only.
 */
#ifndef PROTO_CHECK_H
#define PROTO_CHECK_H

#include "proto/base/err.h"
#include "proto/messages.pb-c.h"

MUST_USE bool check_envelope(const Wire__Envelope *m, struct err *e);
MUST_USE bool check_stream(const Wire__Stream *m, struct err *e);
/* "Hello", "StepRequest", ...: for texts and tables. */
const char *check_body_name(Wire__Envelope__BodyCase body);
const char *check_op_name(Wire__StepRequest__OpCase op);

#endif
