/* SPDX-License-Identifier: Apache-2.0 */
/* Where Zimbra listens unless it is told otherwise. Source: zimbra-attrs.xml. */
#ifndef ZIMBRA_PORTS_H
#define ZIMBRA_PORTS_H

#define ZIMBRA_LMTP_PORT 7025 /* zimbraLmtpBindPort */

#endif
