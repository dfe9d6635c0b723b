/* SPDX-License-Identifier: Apache-2.0 */
/* What commands.c and the files of single commands share. */
#ifndef CLI_COMMANDS_PRIVATE_H
#define CLI_COMMANDS_PRIVATE_H

#include "controller/cli/commands.h"

/* "/v1/moves/" + "m1" escaped + "/purge"; free() it. */
char *command_path(const char *front, const char *word, const char *back);
/* Asks on the terminal unless --yes was said; false with e: no. */
MUST_USE bool
command_confirm(const struct options *o, const char *question, struct err *e);

int run_policy(struct options *o);
int run_policy_explain(struct options *o);
int run_policy_replay(struct options *o);
int run_forget(struct options *o);
int run_purge(struct options *o);
int run_purge_job(struct options *o);
int run_purge_node(struct options *o);

#endif
