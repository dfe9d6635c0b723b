/* SPDX-License-Identifier: Apache-2.0 */
/* Every ceiling and every wait that both ends must agree on. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#define KIB 1024u
#define MIB (1024u * 1024u)

#define LIMIT_VERSION_MIN 1
#define LIMIT_VERSION_MAX 3 /* 2: Look, 3: Sessions */

#define LIMIT_FRAME_NEW (4 * KIB)  /* before the peer is known */
#define LIMIT_FRAME (1 * MIB)	   /* after */
#define LIMIT_HELLO_SPOOLS 32	   /* so that a Hello fits in LIMIT_FRAME_NEW */
#define LIMIT_SEND_QUEUE (4 * MIB) /* peer_send answers PEER_FULL above */
#define LIMIT_NAME 255		   /* host, account, node names, bytes */
#define LIMIT_ID 40		   /* zimbraId, move id */
#define LIMIT_TEXT 480		   /* sentences, as struct err */
#define LIMIT_ERROR_KIND 6	   /* the last one of enum err_kind */
#define LIMIT_TICKET 32
#define LIMIT_STREAM_CHUNK (256 * KIB)
#define LIMIT_STREAM_IDS 20000
#define LIMIT_TREE_PART 500
#define LIMIT_INVENTORY_PAGE 4096
#define LIMIT_SESSION_PAGE 4096
#define LIMIT_SESSION_KIND 20
#define LIMIT_ITEM_META (4 * MIB)
#define LIMIT_ITEM_DATA (4ull * 1024 * MIB)
#define LIMIT_FOLDERS 100000
#define LIMIT_ITEMS 20000000

#define WAIT_CONNECT_MS 5000
#define WAIT_HELLO_MS 10000
#define WAIT_HEARTBEAT_MS 5000
#define WAIT_HEARTBEATS_MISSED 3
#define WAIT_STREAM_MS 900000 /* no byte on a mail stream: an export may think for long */
#define LEASE_MS 60000
#define LEASE_SWITCH_MIN_MS 20000 /* switch only with this much lease left */
#define WAIT_SWITCH_MS 10000

#endif
