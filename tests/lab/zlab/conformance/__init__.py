# SPDX-License-Identifier: Apache-2.0
"""Every fact that the lab claims to play, as a check that runs unchanged against a real Zimbra.

    python3 -m zlab.conformance --cluster LABDIR/cluster.json
    ZMFERRY_ZIMBRA_HOSTS="mbs1.host mbs2.host" ZMFERRY_ZIMBRA_ADMIN=... \\
        ZMFERRY_ZIMBRA_PASSWORD=... [ZMFERRY_ZIMBRA_CA=ca.pem] python3 -m zlab.conformance

Where a check and the lab disagree the lab is wrong: a check says what a real server did.
Each check makes scratch accounts named zmferry-check-RANDOM@domain and they are removed at
the end. Nothing else on the cluster is changed, but two archive imports run at once, and a
few mailboxes are locked out: use a cluster that bears it.
"""
