/* SPDX-License-Identifier: Apache-2.0 */
/* Every option there is. Which command takes which stands in the table of commands. */
#include "controller/cli/commands.h"

const struct option_def option_defs[] = {
    {"--json", 0, NULL, "print the answer as JSON"},
    {"--socket", 0, "PATH", "the controller's socket (also ZMFERRY_SOCKET)"},
    {"--controller", 0, "URL",
	"a controller elsewhere: https://host:7440 (also ZMFERRY_CONTROLLER)"},
    {"--certificate", 0, "FILE",
	"who you are there: of operator enroll (also ZMFERRY_CERTIFICATE)"},
    {"--server-ca", OPT_CA, "FILE",
	"certificates that may sign the API's; they go into the file"},
    {"--to", OPT_TO, "A,B", "only to these nodes"},
    {"--wait", OPT_WAIT, NULL, "follow to the end"},
    {"--yes", OPT_YES, NULL, "do not ask"},
    {"--dry-run", OPT_DRY_RUN, NULL, "show the plan and stop"},
    {"--failed", OPT_FAILED, NULL, "only what did not go well"},
    {"--job", OPT_JOB, "ID", "only of this job"},
    {"--out", OPT_OUT, "FILE", "where to write"},
    {"--even-if-not-clean", OPT_UNCLEAN, NULL,
	"although the verdict is not clean; needs --confirm"},
    {"--leave-mail", OPT_LEAVE_MAIL, NULL,
	"the target is dead: without what arrived there since the switch"},
    {"--from-spool", OPT_FROM_SPOOL, NULL,
	"of a MOVE whose node is dead: on with what had been copied"},
    {"--confirm", OPT_CONFIRM, "NAME", "the account or the node, typed out"},
    {"--rehearse", OPT_REHEARSE, NULL,
	"then move a scratch account there and back, and delete it"},
    {"--destroy-volumes", OPT_VOLUMES, NULL, "with the container; needs --confirm"},
    {"--cutover", OPT_CUTOVER, "WHEN",
	"lock mailboxes now, at your go (job continue), each when its owner is idle "
	"(idle:15m), or 22:00-05:00"},
    {"--for", OPT_FOR, "TIME", "how long: 90s, 15m, 6h, 2d; 0s ends it"},
};
const size_t option_count = ARRAY_LEN(option_defs);
