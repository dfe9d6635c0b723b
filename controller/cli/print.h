/* SPDX-License-Identifier: Apache-2.0 */
/* How answers look on a terminal. JSON output never comes through here. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

void print_status(FILE *out, const json_t *answer);
void print_nodes(FILE *out, const json_t *answer);
void print_plan(FILE *out, const json_t *answer);
void print_jobs(FILE *out, const json_t *answer);
void print_job(FILE *out, const json_t *answer);
void print_moves(FILE *out, const json_t *answer);
void print_explain(FILE *out, const json_t *answer);
/* {"job": ..., "moves": [each as explain has it]} */
void print_report(FILE *out, const json_t *answer);
void print_events(FILE *out, const json_t *answer);
void print_alerts(FILE *out, const json_t *answer);
void print_cordon(FILE *out, const json_t *answer);
void print_cordons(FILE *out, const json_t *answer);
void print_doctor(FILE *out, const json_t *answer);
void print_alert(FILE *out, const json_t *answer);
void print_alerts_test(FILE *out, const json_t *answer);

/* One line of progress of a job, without the newline. */
void print_progress(FILE *out, const json_t *job);

/* 1536 -> "1.5 KB"; out has at least 24 bytes. */
const char *print_bytes(double bytes, char *out, size_t size);
/* 90 -> "1 min 30 s". */
const char *print_seconds(double seconds, char *out, size_t size);
/* Text from outside with control characters made visible. */
/* Indented, with a line's end, safe for terminals; flags as JSON_SORT_KEYS. */
void print_json(FILE *out, const json_t *answer, size_t flags);
void print_safe(FILE *out, const char *text);

#endif
