#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The MUSTs of src/helper/sandbox.c: whatever a caller leaves to the helper that it starts, guardian, monitor, planner and who
# waits in the queue are as if a friendly caller had started them (tests/attack/hostile.c says what all is left).
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
# Two callers: one whose helper is started as it should be, one whose helper is left everything. The planner just sits there.
mkdir -p "$tmp/friendly" "$tmp/hostile/real"
for folder in friendly hostile/real; do
	cp "$build/quietbench-helper" "$tmp/$folder"
	cp "$build/tests/fake-planner" "$tmp/$folder/quietbench-planner"
done
for folder in friendly hostile; do cp "$build/quietbench" "$tmp/$folder"; done
cp "$build/tests/hostile" "$tmp/hostile/quietbench-helper"
cp "$build/tests/pty" "$source/tests/lib/look-at" "$tmp"
cp -r "$tmp/profiles" "$tmp/hostile"
chmod -R a+rX "$tmp"

cat >"$tmp/story" <<'EOF'
cd $tmp/home
# until_it WHAT COMMAND...
until_it() {
	what=$1 && shift
	for i in $(seq 600); do "$@" 2>/dev/null && return; sleep 0.05; done
	echo "never $what"
	exit 1
}
of_session() { $qb status --json | jq -r ".$1"; }
state_is() { [ "$(of_session state)" = "$1" ]; }
parent() { sed -n 's/^PPid:.//p' /proc/$1/status; }
child() { [ -n "$1" ] && pgrep -P "$1" | head -n 1; }
planner_is() { echo $1 >$tmp/friendly/planner-does; echo $1 >$tmp/hostile/real/planner-does; }
look() { echo "== $1" && perl $tmp/look-at $2 $tmp; }
filters() { sed -n 's/^Seccomp_filters:.//p' /proc/$1/status; }
# The planner has confined itself.
sits() { planner=$(child "$(child "$(child $client)")") && [ "$(filters $planner)" -gt "$(filters $(parent $planner))" ]; }
for caller in friendly hostile; do
	planner_is honest
	# On a terminal, which must not be the helper's.
	printf 'expect begun\npause 60000\n' | $tmp/pty $tmp/$caller/quietbench run --no-check -s cpus.isolation=none -- sh -c 'echo begun; exec sleep 100' >$tmp/$caller.run 2>&1 &
	until_it conditioned state_is conditioned
	monitor=$(of_session session.monitor) client=$(of_session session.client)
	$tmp/$caller/quietbench run --no-check -- true >$tmp/$caller.waits 2>&1 &
	waiting=$!
	until_it waits grep -q waiting $tmp/$caller.waits
	{
		look guardian $(parent $monitor)
		look monitor $monitor
		look waiters-guardian $(child $waiting)
		look waiter $(child $(child $waiting))
	} >$tmp/$caller.seen
	kill $waiting $client
	until_it restored state_is "not conditioned"
	planner_is sit
	$tmp/$caller/quietbench run --no-check -- true >$tmp/$caller.sits 2>&1 &
	client=$!
	until_it sits sits
	look planner $planner >>$tmp/$caller.seen
	stat -c %u /proc/$planner/mem >$tmp/$caller.mem
	kill -9 $planner
	wait $client
done
EOF
export tmp qb
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" >"$tmp/story.err" 2>&1 || sed 's/^/# /' "$tmp/story.err"
for process in guardian monitor waiters-guardian waiter planner; do
	# Another session on this machine may bind anybody to some CPUs meanwhile: the VM's test tells of these.
	of() { sed -n "/^== $process\$/,/^== /{/^== /d;/^Cpus_allowed/d;p}" "$tmp/$1.seen"; }
	of friendly >"$tmp/friendly.$process"
	is "$process: as a friendly caller's" "$(of hostile | diff "$tmp/friendly.$process" -)" ""
	is "$process: everything was looked at" "$(of hostile | wc -l)" "$(of friendly | wc -l)"
	is "$process: scheduling, terminal, signals, timer slack, memory" \
		"$(of hostile | grep -E '^(nice|policy|terminal|SigPnd|ShdPnd|timer slack|THP_enabled|I/O|personality|memory policy|environment|folder|CapAmb) ' | tr '\n' ';')" \
		"nice 0;policy 0;terminal 0;I/O none: prio 0;timer slack 50000;personality 00000000;SigPnd 0000000000000000;ShdPnd 0000000000000000;CapAmb 0000000000000000;THP_enabled 1;environment 0;folder /;memory policy default;"
done
# of KEY: what all of them have
of() { sed -n "s/^$1 //p" "$tmp/hostile.seen" | sort -u | tr '\n' ';'; }
is "CPU time is limited for the planner alone" "$(of 'limit Max cpu time')" "60 60 seconds ;unlimited unlimited seconds ;"
is "no core" "$(of 'limit Max core file size')" "0 0 bytes ;"
is "where root may not set the OOM score, it is 0" "$(of oom_score_adj)" "0;"
is "nobody looks into the planner" "$(cat "$tmp/hostile.mem" "$tmp/friendly.mem" | tr '\n' ' ')" "0 0 "
finish
