/* SPDX-License-Identifier: Apache-2.0 */
/* usage: draw move.dot|job.dot|state-names.txt|state-machine.md */
#include "tests/unit/controller/drawing.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && draw(argv[1], stdout))
		return 0;
	fputs("usage: draw move.dot|job.dot|state-names.txt|state-machine.md\n", stderr);
	return 2;
}
