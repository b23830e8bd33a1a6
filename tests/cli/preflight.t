#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The preflight of run, on this machine: who disturbs is named before the command begins, and check.on_noise decides
# what becomes of it. The disturber takes most of a CPU, so that no other task here is the main cause.
. "$(dirname "$0")/lib.sh"

last=$(($(nproc) - 1))
here="-p base -s cpus.isolation=none -c $last"
disturb() {
	rm -f "$tmp/pid"
	nice -n -10 "$tmp/disturber" -c "echo \$\$ >$tmp/pid; while :; do :; done" &
	until [ -s "$tmp/pid" ]; do sleep 0.05; done
	taskset -cp "$last" "$(cat "$tmp/pid")" >/dev/null
}
cp /bin/sh "$tmp/disturber"

run run $here -s check.duration=0 -- true
is "no duration: status" "$status" 0
is "no duration: no preflight" "$(printf '%s\n' "$err" | grep -c 'before the command')" 0
run run $here -v -s check.duration=300ms -s check.max_gap=1s -s check.max_gaps=100% -s check.max_preempted=100% -s check.max_steal=100% \
	-s check.max_speed_deviation=100% -- true
is "all is allowed: status" "$status" 0
like "all is allowed: nothing seen, never quiet" "$err" '^quietbench: before the command: nothing seen in 0.3 s$'
run run $here -s check.duration=300ms -s process.nice=5 -- sh -c "nice; sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status"
is "the levers of the process are the command's, too" "$(echo $out)" "5 $last"

disturb
run run $here -s check.duration=1s -- sh -c 'echo ran'
is "warn: status" "$status" 0
is "warn: it runs" "$out" ran
like "warn: what and who" "$err" '^quietbench: noisy before the command: preempted [0-9.]+ % \(limit 0.05 %\), .*: disturber \(pid [0-9]+\)$'
run run $here -s check.duration=1s --no-check -- true
is "--no-check: status" "$status" 0
is "--no-check: nothing is measured" "$(printf '%s\n' "$err" | grep -c 'before the command')" 0
run run $here -s check.duration=1s -s check.on_noise=fail -- touch ran
is "fail: status" "$status" 125
like "fail: what and who" "$err" '^quietbench: noisy before the command, which was not started \(check.on_noise=fail\): preempted .*: disturber '
ok "fail: it does not run" [ ! -e ran ]
run run $here -s check.duration=300ms -s check.on_noise=wait -s check.max_wait=3s -- sh -c 'echo ran'
is "wait, in vain: status" "$status" 0
is "wait, in vain: it runs all the same" "$out" ran
like "wait, in vain: what for" "$err" '^quietbench: waiting for quiet, at most 3 s: preempted .*: disturber '
like "wait, in vain: so much is said" "$err" '^quietbench: still noisy after [0-9]+ s; the command runs all the same: '

: >"$tmp/err"
# The limits are wide: what else happens on this machine is not to be waited for.
$user "$qb" run $here -s check.duration=300ms -s check.on_noise=wait -s check.max_wait=60s -s check.max_preempted=25% -s check.max_gap=1s \
	-s check.max_gaps=100% -s check.max_steal=100% -s check.max_speed_deviation=100% -- sh -c 'echo ran' >"$tmp/out" 2>"$tmp/err" &
pid=$!
until grep -q 'waiting for quiet' "$tmp/err" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill "$(cat "$tmp/pid")"
wait "$pid"
is "wait: status" "$?" 0
is "wait: it runs" "$(cat "$tmp/out")" ran
like "wait: until it is quiet" "$(cat "$tmp/err")" '^quietbench: no longer noisy after [0-9]+ s$'

$user setsid "$qb" run $here -s check.duration=60s -- touch ran >"$tmp/out" 2>"$tmp/err" </dev/null &
pid=$!
until pgrep -P "$pid" >/dev/null; do sleep 0.05; done
sleep 0.5
kill -TERM "$pid"
wait "$pid"
is "told to end in the preflight: status" "$?" 143
ok "told to end in the preflight: it does not run" [ ! -e ran ]
run run $here -s check.duration=10ms -- true
is "shorter than a window: status" "$status" 0
like "shorter than a window: said" "$err" '^quietbench: the CPUs were not measured before the command: '
finish
