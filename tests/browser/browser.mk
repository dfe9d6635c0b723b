# SPDX-License-Identifier: Apache-2.0
# The zimlet and the controller's page in a real browser, with the real controller and the lab.

## check-browser: Chromium on the dashboard, in the console and alone (BROWSER="word ..." for some)
.PHONY: check-browser
check-browser: packages
	$(Q)sh tests/browser/packages.sh
	$(Q)$(MAKE) --no-print-directory build zimlet
	$(Q)node tests/browser/run.js $(BROWSER)
