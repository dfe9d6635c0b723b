# SPDX-License-Identifier: Apache-2.0
# The admin-console zimlet as a zip, and the same files compiled into the controller.

zimlet_js    := zmferry_core zmferry_net zmferry_dom zmferry_view
zimlet_files := com_zmferry.xml config_template.xml com_zmferry.properties com_zmferry_de.properties \
                $(zimlet_js:%=%.js) com_zmferry.js zmferry.css zmferry.svg

## zimlet: build/com_zmferry.zip, to be deployed with zmzimletctl deploy
.PHONY: zimlet
zimlet: build/com_zmferry.zip
build/com_zmferry.zip: $(zimlet_files:%=zimlet/%) zimlet/pack.py
	$(call say,ZIP,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) zimlet/pack.py $@ $(zimlet_files:%=zimlet/%)

$(GEN)/messages.js: zimlet/messages.py zimlet/com_zmferry.properties zimlet/com_zmferry_de.properties
	$(Q)mkdir -p $(GEN)
	$(Q)$(PYTHON) zimlet/messages.py zimlet > $@

page_files := /=zimlet/page/index.html /zmferry_page.js=zimlet/page/zmferry_page.js \
              $(foreach f,$(zimlet_js),/$f.js=zimlet/$f.js) /messages.js=$(GEN)/messages.js \
              /zmferry.css=zimlet/zmferry.css /zmferry.svg=zimlet/zmferry.svg

$(GEN)/page_files.inc: zimlet/embed.py zimlet/page/index.html zimlet/page/zmferry_page.js \
    $(zimlet_js:%=zimlet/%.js) $(GEN)/messages.js zimlet/zmferry.css zimlet/zmferry.svg
	$(call say,EMBED,$@)
	$(Q)$(PYTHON) zimlet/embed.py $(page_files) > $@.new && mv $@.new $@
$(B)/controller/api/page.o: $(GEN)/page_files.inc
