#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL for each process, and for all, at each change that one of them makes. A kill with all that follows takes
# seconds here: without QB_FULL (make check-full) one guest takes every 128th. With it fifty guests take every one, and
# other cgroups and other levers get every 50th.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$vm_build/tests/strike" -f "$vm_here/strike-lib.sh:/qb/strike-lib.sh")

# part K OF CGROUP PROFILE [ROWS]
part() {
	guest "$3, $4${5:+, $5}, part $1 of $2" -s 1,2,2 -t 1200 -a "qb.cgroup=$3 qb.profile=$4 qb.part=$1/$2 qb.rows=${5:-all}" guest/crash.sh
}

if [ -z "${QB_FULL:-}" ]; then
	part 1 128 v2 default
	part 1 13 v2 default many
else
	for ((k = 1; k <= 50; k++)); do part "$k" 50 v2 default; done
	for ((k = 1; k <= 10; k++)); do part "$k" 10 v2 default many; done
	part 1 10 v1 default many
	part 1 50 v1 default
	part 1 50 v2 strict
fi
finish
