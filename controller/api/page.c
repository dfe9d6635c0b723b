/* SPDX-License-Identifier: Apache-2.0 */
/* The files come out of zimlet/ through zimlet/embed.py; nothing is read at run time. */
#include "controller/api/page.h"

#include <string.h>

struct page_file {
	const char *path;
	const char *type;
	const unsigned char *bytes;
	size_t len;
};

#include "page_files.inc"

void
page_get(struct api_request *rq)
{
	for (size_t i = 0; i < sizeof(page_files) / sizeof(page_files[0]); i++) {
		if (strcmp(page_files[i].path, rq->path) == 0) {
			api_reply_file(rq, page_files[i].type, page_files[i].bytes,
			    page_files[i].len);
			return;
		}
	}
	api_problem(rq, 404, "refused", "no such file", "the page is at /");
}
