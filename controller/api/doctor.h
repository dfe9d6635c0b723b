/* SPDX-License-Identifier: Apache-2.0 */
/* The examination of the installation as a route; the examining itself is controller/doctor.h. */
#ifndef API_DOCTOR_H
#define API_DOCTOR_H

#include "controller/api/http.h"

void get_doctor(struct api_request *rq);

#endif
