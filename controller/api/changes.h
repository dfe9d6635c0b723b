/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of the API that sign in, plan and change something. Each answers exactly once. */
#ifndef API_CHANGES_H
#define API_CHANGES_H

#include "controller/api/http.h"

void post_session(struct api_request *rq);
void get_session(struct api_request *rq);
void delete_session(struct api_request *rq);

void post_job(struct api_request *rq);
void post_pause(struct api_request *rq);
void post_resume(struct api_request *rq);
void post_cancel(struct api_request *rq);
void post_continue(struct api_request *rq);
void post_retry(struct api_request *rq);
void post_approve(struct api_request *rq);
void post_refuse(struct api_request *rq);
void post_enroll(struct api_request *rq);

/* "j7" or "7" with prefix 'j'; 0 = no number. */
uint32_t api_number(const char *id, char prefix);

#endif
