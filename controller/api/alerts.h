/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with alerts: acknowledge, silence, test the ways out. */
#ifndef API_ALERTS_H
#define API_ALERTS_H

#include "controller/api/http.h"

void get_alerts(struct api_request *rq);
void post_alert_ack(struct api_request *rq);
void post_alert_silence(struct api_request *rq);
void post_alerts_test(struct api_request *rq);

#endif
