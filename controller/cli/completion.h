/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of the command line, for bash and zsh. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdio.h>

#include "controller/cli/commands.h"

void print_completion(FILE *out, bool zsh);
int run_completion(struct options *o);

#endif
