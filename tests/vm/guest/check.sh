# SPDX-License-Identifier: GPL-2.0-or-later
# check on 4 CPUs, conditioned and joined, and while somebody takes its CPU offline, takes it from its cpuset, or has given its group a quota.
. /qb/guest-lib.sh

top=/sys/fs/cgroup
echo "+cpu +cpuset" >$top/cgroup.subtree_control
mkdir -p $top/some/inner
echo "+cpu +cpuset" >$top/some/cgroup.subtree_control

# measure GROUP DURATION: check of CPU 3 in that group, in the background: `check`
measure() {
	rm -f /tmp/check.json
	sh -c "echo \$\$ >$1/cgroup.procs && exec quietbench check -c 3 --duration $2 --json" >/tmp/check.json 2>/tmp/check.err &
	check=$!
}
# The loop is a thread that is bound to CPU 3, and is beyond its warm-up of 300 ms.
loops() {
	for child in $(cat "/proc/$check/task/$check/children"); do
		loop=$(ls "/proc/$child/task" | tail -n 1)
		[ "$(list "$loop")" = 3 ] && [ "$(cut -d' ' -f14 "/proc/$loop/stat")" -gt 45 ] && return
	done
	return 1
}
# hard TEXT REASON SAID: it ends at once, noisy, for that reason
hard() {
	wait $check
	is "$1: noisy" "$? $(jq -r .verdict /tmp/check.json)" "1 noisy"
	is "$1: that is why" "$(jq -r '.hard[] | .reason' /tmp/check.json)" "$2"
	ok "$1: says so" says "^quietbench: $3" /tmp/check.err
}

measure $top 2m
ok "offline: it measures" within 60 loops
echo 0 >/sys/devices/system/cpu/cpu3/online
hard "offline" offline "CPU 3 went offline: "
echo 1 >/sys/devices/system/cpu/cpu3/online

echo 2-3 >$top/some/cpuset.cpus
measure $top/some/inner 2m
ok "cpuset: it measures" within 60 loops
echo 2 >$top/some/cpuset.cpus
hard "cpuset" cpuset "CPU 3 was taken from the measurement "
echo 2-3 >$top/some/cpuset.cpus

# Of the group above.
echo "20000 100000" >$top/some/cpu.max
measure $top/some/inner 1s
hard "quota" quota "kept off by a quota for "
echo max >$top/some/cpu.max
measure $top/some/inner 1s
wait $check
is "no quota: nothing of it" "$(jq -c .hard /tmp/check.json)" "[]"

# Interrupts by their own time, in an instance of tracefs that nobody else sees, and that goes whatever ends it.
trace=/sys/kernel/tracing
[ -d $trace/instances ] || mount -t tracefs tracefs $trace
quietbench check -c 3 --duration 1s --trace --json >/tmp/trace.json 2>/tmp/check.err
is "trace: interrupts have times" "$(jq '[.of[0].traced.interrupts[] | select(.times > 0)] | length > 0 and all(.ns >= 0)' /tmp/trace.json)" true
is "trace: no more gaps are the tick's than it came" "$(jq -c '.of[0] | [.causes[] | select(.cause == "tick") | .times] as $gaps
	| [.traced.interrupts[] | select(.name == "timer interrupt")][0].times as $times
	| if ($gaps | length) > 0 and ($gaps | all(. <= $times * 1.05 + 2)) then "as traced" else [$gaps, $times] end' /tmp/trace.json)" '"as traced"'
is "trace: all was read" "$(jq .of[0].traced.lost /tmp/trace.json)" 0
is "trace: the instance is gone" "$(ls $trace/instances)" ""
quietbench check -c 3 --duration 2m --trace >/tmp/trace.out 2>&1 &
check=$!
ok "trace: it measures" within 60 loops
is "trace: an instance of its own" "$(ls $trace/instances)" "quietbench-$check"
kill -KILL $check
gone() { [ -z "$(ls $trace/instances)" ]; }
ok "trace, killed: the instance is gone" within 60 gone

# A quota shows in a run, too, and so does what it waited for.
echo "20000 100000" >$top/some/cpu.max
sh -c "echo \$\$ >$top/some/inner/cgroup.procs && exec quietbench run --no-check -p base -c 3 -s cpus.isolation=none -o /tmp/record -- sh -c 'i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done'" 2>/tmp/run.err
ok "a run under a quota: says so" says "NOISY: .*its control group's quota (cpu.max) kept it off for " /tmp/run.err
is "a run under a quota: in its counters" "$(jq '.runs[0].counters.quota_us > 0' /tmp/record)" true
is "a run: pressure of its group" "$(jq -c '.runs[0] | [.sources.pressure, (.counters.pressure_us.cpu > 0)]' /tmp/record)" '["group",true]'
echo max >$top/some/cpu.max

# The record: what was changed belongs to who changed it.
before
quietbench check --conditioned -c 3 --duration 1s -o /tmp/record >/dev/null 2>/tmp/check.err
is "conditioned: the record says so" "$(jq -c '[.conditioned != "none", .runs, .restore.complete, .cpus.benchmark]' /tmp/record)" '[true,[],true,"3"]'
is "conditioned: with levers that are back" "$(jq '[.levers[] | select(.status == "applied" and (.lever | startswith("process.") | not)) | .restored] | length > 3 and all(. == "yes")' /tmp/record)" true
ok "conditioned: the host is as before" within 10 as_before
quietbench apply -c 3 --for 5m 2>/dev/null
quietbench check --duration 1s -o /tmp/record >/dev/null 2>/tmp/check.err
is "joined: nothing was changed" "$(jq -c '[.conditioned, .levers, .restore, .cpus.benchmark, .check.cpus]' /tmp/record)" '["joined",[],null,"3","3"]'
quietbench restore 2>/dev/null
ok "joined: the host is as before" within 10 as_before

# No advice to do what is done: of one that has bound itself to an isolated CPU.
quietbench apply -c 3 -s cpus.isolation=affinity --for 5m 2>/dev/null
printf '#!/bin/sh\nwhile :; do :; done\n' >/tmp/disturber
chmod +x /tmp/disturber
/tmp/disturber &
disturber=$!
taskset -p 8 $disturber >/dev/null
quietbench check --duration 1s --json >/tmp/check.json 2>/tmp/check.err
kill $disturber
is "applied: it is no advice" "$(jq -r '.of[0].causes[] | select(.cause == "task" and (.name | startswith("disturber"))) | .advice' /tmp/check.json)" \
	"it runs here though these CPUs are isolated: stop it (services.stop), or end what pins it here"
quietbench restore 2>/dev/null
done_testing
