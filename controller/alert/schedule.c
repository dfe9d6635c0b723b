/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules, in the order in which they count: what nobody was told of needs no end; an end
 * is told even of what is silenced, because a pager waits for it; then silence, then whoever
 * has it in hand, then the repeats.
 */
#include "controller/alert/schedule.h"

#include <string.h>

static const char *const tell_names[] = {
    "nothing", "raised", "repeated", "comes_and_goes", "over"};
_Static_assert(ARRAY_LEN(tell_names) == ALERT_TELL_COUNT, "name every telling");

static const char *const phase_names[] = {"untold", "told", "flapping", "over"};
_Static_assert(ARRAY_LEN(phase_names) == ALERT_PHASE_COUNT, "name every phase");

static bool
state_is_told(const struct alert_state *s)
{
	return s->phase == ALERT_TOLD || s->phase == ALERT_FLAPPING;
}

static enum alert_tell
due_when_over(const struct alert_state *s, int64_t now_ms)
{
	if (!state_is_told(s))
		return ALERT_TELL_NOTHING;
	if (s->phase == ALERT_FLAPPING && now_ms - s->cleared_ms < ALERT_CALM_MS)
		return ALERT_TELL_NOTHING;
	return ALERT_TELL_OVER;
}

enum alert_tell
alert_due(
    const struct alert_state *s, const struct alert_schedule *schedule, int64_t now_ms)
{
	uint32_t repeat_s = schedule->repeat_s[s->severity];

	if (!s->raised)
		return due_when_over(s, now_ms);
	if (s->silenced_until_ms > now_ms || s->acked)
		return ALERT_TELL_NOTHING;
	if (!state_is_told(s))
		return s->returns > 0 ? ALERT_TELL_FLAPPING : ALERT_TELL_RAISED;
	if (s->phase == ALERT_FLAPPING && now_ms - s->at_ms < ALERT_CALM_MS)
		return ALERT_TELL_NOTHING;
	if (repeat_s == 0 || now_ms - s->told_ms < (int64_t)repeat_s * 1000)
		return ALERT_TELL_NOTHING;
	return ALERT_TELL_REPEATED;
}

enum alert_phase
alert_phase_after(enum alert_phase before, enum alert_tell tell)
{
	switch (tell) {
	case ALERT_TELL_NOTHING:
		return before;
	case ALERT_TELL_RAISED:
	case ALERT_TELL_REPEATED:
		return ALERT_TOLD;
	case ALERT_TELL_FLAPPING:
		return ALERT_FLAPPING;
	case ALERT_TELL_OVER:
		return ALERT_OVER;
	case ALERT_TELL_COUNT:
		break;
	}
	BUG("telling %d", (int)tell);
}

const char *
alert_tell_name(enum alert_tell tell)
{
	return tell_names[tell];
}

const char *
alert_phase_name(enum alert_phase phase)
{
	return phase_names[phase];
}

bool
alert_phase_parse(const char *name, enum alert_phase *out)
{
	for (int i = 0; i < ALERT_PHASE_COUNT; i++) {
		if (strcmp(phase_names[i], name) == 0) {
			*out = (enum alert_phase)i;
			return true;
		}
	}
	return false;
}
