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

typedef void (*print_fn)(FILE *out, const json_t *answer);
/* As JSON when that was asked for, else by print. */
void command_show(const struct options *o, const json_t *answer, print_fn print);
/* Asks, and shows the answer; the exit code. */
int command_get(struct options *o, const char *path, print_fn print);
/* Asks, posts the body (taken; NULL = none) to the move of the argument, and says how to follow it. */
int command_move(
    struct options *o, const char *question, const char *back, json_t *take_body);
/* The same with the argument as the node that something is done to. */
int command_post_node(struct options *o, const char *path, print_fn print);
/* A new file that only its owner may read. */
MUST_USE bool command_write_new(const char *path, const char *text, struct err *e);
/* "A,B" as a list; a new reference. */
json_t *command_list_of(const char *text);
/* {"approval"}: a job that waits for a second person. */
void print_asked(FILE *out, const json_t *answer);
/* Is host meant by wanted: its whole name, or its front up to a dot? */
bool command_node_is(const char *host, const char *wanted);

/* The second half of zmferry doctor --rehearse; the exit code. */
int rehearse(struct options *o);
int run_container(struct options *o);
int run_start(struct options *o);
int run_stop(struct options *o);
int run_restart(struct options *o);
int run_alerts(struct options *o);
int run_plan_evacuate(struct options *o);
int run_plan_restore(struct options *o);
int run_plan_move(struct options *o);
int run_plan_rebalance(struct options *o);
int run_rebalance(struct options *o);
int run_plan_remove(struct options *o);
int run_remove(struct options *o);
int run_plan_add(struct options *o);
int run_add(struct options *o);
int run_evacuate(struct options *o);
int run_restore(struct options *o);
int run_move(struct options *o);
int run_job_pause(struct options *o);
int run_job_resume(struct options *o);
int run_job_cancel(struct options *o);
int run_report(struct options *o);
int run_release(struct options *o);
int run_move_revert(struct options *o);
int run_move_fetch(struct options *o);
int run_rescue(struct options *o);
int run_fetch(struct options *o);
/* zmferry move MOVE --from-spool; the exit code. */
int move_from_spool(struct options *o);
int run_job_retry(struct options *o);
int run_job_continue(struct options *o);
int run_job_wait(struct options *o);
int run_alert_ack(struct options *o);
int run_alert_silence(struct options *o);
int run_alerts_test(struct options *o);
int run_policy(struct options *o);
int run_policy_explain(struct options *o);
int run_policy_replay(struct options *o);
int run_forget(struct options *o);
int run_approvals(struct options *o);
int run_approve(struct options *o);
int run_refuse(struct options *o);
int run_operators(struct options *o);
int run_operator_enroll(struct options *o);
int run_operator_revoke(struct options *o);
int run_purge(struct options *o);
int run_purge_job(struct options *o);
int run_purge_node(struct options *o);

#endif
