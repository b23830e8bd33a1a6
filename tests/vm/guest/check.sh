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
	child=$(cat "/proc/$check/task/$check/children") && loop=$(ls "/proc/${child% }/task" | tail -n 1) &&
		[ "$(list "$loop")" = 3 ] && [ "$(cut -d' ' -f14 "/proc/$loop/stat")" -gt 45 ]
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
done_testing
