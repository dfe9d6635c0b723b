/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out about one alert, or about many at once. Made on the loop thread; after that
 * it only changes by the count of who still needs it, so pool threads may read it.
 */
#ifndef ALERT_MESSAGE_H
#define ALERT_MESSAGE_H

#include <jansson.h>

#include "controller/alert/schedule.h"

/* That this was told of that alert: remembered when the message has got out. */
struct alert_told {
	uint64_t number; /* of the alert */
	enum alert_phase phase;
	int64_t told_ms;
	uint32_t told_count;
};

struct alert_message {
	const char *
	    event; /* "raised", "repeated", "comes_and_goes", "over", "several", "test" */
	enum alert_severity severity;
	char thread[64]; /* the same for all messages about one alert */
	uint32_t place;	 /* in the thread, from 0 */
	char *key, *subject, *text, *meaning, *did, *next, *list; /* owned, never NULL */
	int64_t at_ms;		 /* since when it is so */
	int64_t now_ms;		 /* of this message */
	char skip_way[80];	 /* the way it is about, which does not carry it */
	bool is_about_delivery;	 /* when it does not get out, that raises nothing */
	struct alert_told *told; /* owned */
	size_t told_count;
	unsigned users; /* loop thread */
};

struct alert_message *alert_message_new(const char *event, enum alert_severity severity);
void alert_message_ref(struct alert_message *m);
void alert_message_unref(struct alert_message **m);
void alert_message_set(char **field, const char *text);
void alert_message_add_told(struct alert_message *m, const struct alert_told *told);

/* One line: "CRITICAL: text" or "over: text". free() it. */
char *alert_message_subject(const struct alert_message *m);
/* What a person reads, in lines. free() it. */
char *alert_message_body(const struct alert_message *m);
/* What a program reads. New reference. */
json_t *alert_message_json(const struct alert_message *m);

#endif
