/* SPDX-License-Identifier: Apache-2.0 */
/* The control link's bytes. What is taken for a message can be said again. */
#include <stdlib.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max = size > 0 && data[0] % 2 == 0 ? LIMIT_FRAME_NEW : LIMIT_FRAME;
	Wire__Envelope *m = NULL;
	enum frame_status status;
	struct buf in, out;
	struct err e;

	if (size < 1)
		return 0;
	buf_init(&in, 0);
	buf_init(&out, 0);
	MUST(buf_add(&in, data + 1, size - 1));
	while ((status = frame_take(&in, max, &m, &e)) == FRAME_MESSAGE) {
		buf_clear(&out);
		MUST(frame_put(&out, m, &e));
		wire__envelope__free_unpacked(m, NULL);
		MUST(frame_take(&out, LIMIT_FRAME, &m, &e) == FRAME_MESSAGE);
		wire__envelope__free_unpacked(m, NULL);
	}
	MUST(status == FRAME_INCOMPLETE || e.kind == ERR_PEER);
	buf_fini(&in);
	buf_fini(&out);
	return 0;
}
