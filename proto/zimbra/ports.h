/* SPDX-License-Identifier: Apache-2.0 */
/* Where Zimbra listens unless it is told otherwise. Source: zimbra-attrs.xml. */
#ifndef ZIMBRA_PORTS_H
#define ZIMBRA_PORTS_H

#define ZIMBRA_LMTP_PORT 7025 /* zimbraLmtpBindPort */
#define ZIMBRA_IMAP_PORT 7143 /* zimbraImapBindPort behind a proxy, else 143 */
#define ZIMBRA_POP_PORT 7110  /* zimbraPop3BindPort behind a proxy, else 110 */

#endif
