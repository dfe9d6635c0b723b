/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many moves a second the journal takes: each as the tables walk it, one durable transaction a
 * state and one an effect that is journaled. Prints figure lines. journal DIR [MOVES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/journal.h"
#include "controller/move.h"
#include "proto/base/clock.h"

static bool
walk(struct journal *j, struct move *m, unsigned *saved, struct err *e)
{
	enum move_state state = MOVE_PLANNED;

	if (!journal_move_save(j, m, NULL, e))
		return false;
	while ((move_states[state].holds & MOVE_END) == 0) {
		const struct move_edge *edge =
		    move_edge_find(state, EV_OK, MOVE_STATE_COUNT);
		struct journal_move_event event = {.from = state,
		    .to = edge->to,
		    .event = EV_OK,
		    .why = edge->why,
		    .detail = ""};

		m->state = edge->to;
		m->step_no++;
		m->data.staged += 100;
		/* The change of state, and what an effect in it learned. */
		if (!journal_move_save(j, m, &event, e) ||
		    !journal_move_save(j, m, NULL, e))
			return false;
		*saved += 2;
		state = edge->to;
	}
	return true;
}

int
main(int argc, char **argv)
{
	unsigned moves = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;
	struct journal *j = NULL;
	unsigned saved = 0;
	uint64_t begun;
	double s;
	struct err e;

	if (argc < 2 || !journal_open(argv[1], false, &j, &e)) {
		fprintf(stderr, "journal: %s\n",
		    argc < 2 ? "usage: journal DIR [MOVES]" : e.text);
		return 1;
	}
	begun = clock_mono_ms();
	for (unsigned i = 1; i <= moves; i++) {
		struct move m = {
		    .number = i, .job_number = 1, .bytes = 1000000, .items = 500};

		snprintf(m.id, sizeof(m.id), "m%u", i);
		snprintf(m.account_id, sizeof(m.account_id), "%08x-0000-4000-8000-%012x",
		    i, i);
		snprintf(
		    m.account_name, sizeof(m.account_name), "user%u@example.test", i);
		snprintf(m.source, sizeof(m.source), "mbs1.example.test");
		snprintf(m.target, sizeof(m.target), "mbs2.example.test");
		if (!walk(j, &m, &saved, &e)) {
			fprintf(stderr, "journal: %s\n", e.text);
			return 1;
		}
	}
	s = (double)(clock_mono_ms() - begun) / 1000.0;
	printf("figure journal_moves_per_s %.0f moves/s\n", moves / s);
	printf("figure journal_saves_per_s %.0f transactions/s\n", saved / s);
	journal_close(&j);
	return 0;
}
