# SPDX-License-Identifier: Apache-2.0
# The simulation: the controller's own code in a world that the tests make. And what is
# drawn from the tables.

sim_names    := moves seeding people reverts spool jobs crash torture chaos nodes full
sim_programs := $(sim_names:%=$(B)/tests/sim/test_%)
sim_objects  := $(addprefix $(B)/tests/sim/,sim_clock.o sim_model.o sim_answer.o sim_agent.o \
                  sim_world.o sim_scenarios.o sim_run.o)
# Of the controller only what decides: no LDAP, no links, no API.
sim_core     := $(addprefix $(B)/controller/,$(addsuffix .o,level cutover presence move moves moves_copies move_table move_steps \
                  move_takes move_prepare seeding move_purge move_revert move_spool move_retry move_alerts move_checks job job_table job_gate job_progress job_copies job_node job_lanes lane_limits removal zimbra/standing plan retention \
                  journal journal_data journal_rows journal_events journal_alerts journal_cordons journal_reserve pools json_values \
                  alert/table alert/schedule alert/message alert/alert alert/alert_tell world))

$(sim_programs): $(B)/tests/sim/test_%: $(B)/tests/sim/test_%.o $(sim_objects) $(sim_core) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)
$(B)/tests/sim/%.o: cppflags += -isystem $(GEN)

# --- drawn from the tables; `make drawn` after a table changed, then read the difference ---

drawing_program := $(B)/tests/unit/controller/draw
$(drawing_program): $(B)/tests/unit/controller/draw.o $(B)/tests/unit/controller/drawing.o $(sim_core) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)
$(addprefix $(B)/tests/unit/controller/,test_move_table test_job_table test_alert_table): $(B)/tests/unit/controller/%: \
    $(B)/tests/unit/controller/%.o $(B)/tests/unit/controller/drawing.o $(sim_core) $(B)/libcli.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

.PHONY: drawn docs/state-machine.md docs/alerts.md tests/golden/move.dot tests/golden/job.dot tests/golden/state-names.txt
## drawn: docs/state-machine.md and the golden files of the tables, drawn anew
drawn: docs/state-machine.md docs/alerts.md tests/golden/move.dot tests/golden/job.dot tests/golden/state-names.txt
docs/state-machine.md docs/alerts.md tests/golden/move.dot tests/golden/job.dot tests/golden/state-names.txt: $(drawing_program)
	$(call say,DRAW,$@)
	$(Q)mkdir -p $(@D) && $(drawing_program) $(@F) > $@
