/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's tables as text: pictures, names, and the page docs/state-machine.md. */
#ifndef TESTS_UNIT_DRAWING_H
#define TESTS_UNIT_DRAWING_H

#include <stdbool.h>
#include <stdio.h>

/* "move.dot", "job.dot", "state-names.txt" or "state-machine.md"; false: nothing of that name. */
bool draw(const char *what, FILE *out);
/* Fails the test when the file under path is not what is drawn. */
void check_drawn(const char *what, const char *path);

#endif
