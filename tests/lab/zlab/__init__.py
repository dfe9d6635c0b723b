# SPDX-License-Identifier: Apache-2.0
"""A Zimbra cluster on one machine, for tests. See ../README.md."""
