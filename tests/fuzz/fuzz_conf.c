/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file of any text: either settings, or errors that say where. */
#include <stdlib.h>
#include <string.h>

#include "agent/conf.h"
#include "controller/conf.h"
#include "proto/base/xalloc.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_conf conf;
	struct controller_conf controller; /* with sections */
	char *text = xcalloc(1, size + 1);
	struct buf errors;
	struct err e;

	memcpy(text, data, size);
	buf_init(&errors, 0);
	if (conf_parse(&conf, sizeof(conf), agent_conf_defs, agent_conf_def_count,
		"fuzz.conf", text, &errors, &e)) {
		MUST(conf.controller != NULL && conf.fill_limit <= 100);
		conf_free(&conf, agent_conf_defs, agent_conf_def_count);
	} else {
		MUST(errors.len > 0);
	}
	buf_clear(&errors);
	if (conf_table_parse(&controller, sizeof(controller), &controller_conf_table,
		"fuzz.conf", text, &errors, &e))
		conf_table_free(&controller, &controller_conf_table);
	else
		MUST(errors.len > 0);
	buf_fini(&errors);
	free(text);
	return 0;
}
