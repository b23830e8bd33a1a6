# SPDX-License-Identifier: GPL-2.0-or-later
# Threads that are born, bind themselves and die all the time: afterwards each has a mask that it chose, or its ancestor's.
# qb.way=WAY names the kind of isolation, qb.rounds=N how many runs there are in a row.
. /qb/guest-lib.sh
way=$(sed -n 's/.*qb\.way=\([a-z]*\).*/\1/p' /proc/cmdline)
rounds=$(sed -n 's/.*qb\.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)

# judge NAME: what the storm says of its own, and hostshot of all others. Who bound itself during the session is a
# conflict that later commands know of.
judge() {
	judgements=$((judgements + 1))
	kill -USR1 "$storm"
	within 60 judged || { fail "$1: the storm judges" /tmp/storm.out; done_testing; }
	verdict=$(tail -n 1 /tmp/storm.out)
	echo "# $1: $verdict"
	case $verdict in
		*' 0 wrong') pass "$1: every mask is its own or an ancestor's" ;;
		*) fail "$1: every mask is its own or an ancestor's" /tmp/storm.out ;;
	esac
	ok "$1: the host is as before" within 20 as_before 'task/*/storm/*' '/run/quietbench/conflicts*'
}
judged() { [ "$(grep -c ' wrong$' /tmp/storm.out)" = "$judgements" ]; }

# restored NAME: runs in a row
restored() {
	for round in $(seq "$rounds"); do
		quietbench run --no-check -p default -s "cpus.isolation=$way" -- sleep 1 2>/tmp/run.err
		is "$1, run $round: status" "$?" 0
		ok "$1, run $round: says restored" says '^quietbench: restored' /tmp/run.err
		judge "$1, run $round"
	done
}

# killed NAME: everybody of ours is killed; `restore` has to find those born since
killed() {
	quietbench run --no-check -p default -s "cpus.isolation=$way" -- sleep 3600 2>/tmp/run.err &
	client=$!
	within 60 running || fail "$1: the benchmark started" /tmp/run.err /tmp/status.out
	# shellcheck disable=SC2046
	kill -KILL "$client" $(grep -ls '^quietbench-h' /proc/[0-9]*/comm | cut -d/ -f3)
	wait "$client"
	sleep 1
	quietbench restore >/tmp/restore.out 2>&1
	is "$1: status of restore" "$?" 0
	sed 's/^/# /' /tmp/restore.out
	judge "$1"
}
# Who binds itself anew is drift where masks are what isolates.
running() {
	quietbench status >/tmp/status.out 2>&1
	pidof sleep | grep -q . && grep -q '^\(conditioned\|drifted\)' /tmp/status.out
}

stop_storm() {
	kill "$storm"
	wait "$storm"
}
start_storm() {
	storm 05 0a c3 c0 81 31 d7 >/tmp/storm.out 2>&1 &
	storm=$!
	judgements=0
	within 60 grep -q ready /tmp/storm.out
	before
}

oddthreads 05 0a c0 81 d7 df >/tmp/odd.out &
odd=$!
start_storm
judge "before all"
restored "all online"
killed "all killed"
stop_storm

# Masks that name a CPU that is offline
echo 0 >/sys/devices/system/cpu/cpu5/online
start_storm
restored "CPU 5 offline"
stop_storm
kill "$odd"
done_testing
