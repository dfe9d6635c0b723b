/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where the version stands. */
#ifndef PROTO_VERSION_H
#define PROTO_VERSION_H

#define ZMFERRY_VERSION "0.1.0"

#endif
