/* SPDX-License-Identifier: Apache-2.0 */
/* struct move_data as the JSON that stands in the journal, and back. Pure. */
#ifndef CONTROLLER_JOURNAL_DATA_H
#define CONTROLLER_JOURNAL_DATA_H

#include "controller/move.h"

char *move_data_write(const struct move_data *d); /* malloc'd JSON */
/* ERR_CORRUPT when it is not what move_data_write wrote. */
MUST_USE bool move_data_read(const char *text, struct move_data *out, struct err *e);

#endif
