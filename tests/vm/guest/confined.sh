# SPDX-License-Identifier: GPL-2.0-or-later
# What a caller's control groups enforce its runs are not free of, whichever way they run (levers/isolation_limits.c); and
# what a caller leaves to its helper starves nobody of the helper's (helper/sandbox.c).
. /qb/guest-lib.sh

top=/sys/fs/cgroup
chmod 1777 /tmp
echo '+cpu +memory +pids +io' >$top/cgroup.subtree_control
mkdir $top/unit
echo '+cpu +memory +pids' >$top/unit/cgroup.subtree_control
mkdir $top/unit/job
echo 20 >$top/unit/cpu.weight
echo 50 >$top/unit/job/cpu.weight
echo 300M >$top/unit/memory.max
echo 400M >$top/unit/job/memory.max
echo 50 >$top/unit/job/pids.max
echo '200000 100000' >$top/unit/cpu.max
groupfilter device $top/unit || fail "the kernel takes a device filter"
groupfilter connect $top/unit/job || fail "the kernel takes a filter of connections"

# What is said in the group, or in the run's
cat >/bin/tries <<'TRIES'
#!/bin/sh
head -c 1 /dev/full >/dev/null 2>&1 && echo "device open" || echo "device refused"
nc -w 1 127.0.0.1 9 </dev/null 2>&1 | sed 's/.*: //'
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
for file in cpu.weight memory.max pids.max cpu.max; do [ ! -e "$group/$file" ] || cat "$group/$file"; done
TRIES
chmod +x /bin/tries
# from GROUP COMMAND...: in that group, as tester
from() {
	from_group=$1
	shift
	(echo 0 >"$top$from_group/cgroup.procs" && exec su tester -c "$*")
}
child_of() { awk -v parent="$1" '{ sub(/.*\) /, "") } $2 == parent { split(FILENAME, part, "/"); print part[3]; exit }' /proc/[0-9]*/stat 2>/dev/null; }
one_line() { tr '\n' ';' <"$1"; }
tries="/bin/tries >/tmp/tried"
want='device refused;Operation not permitted;10;314572800;50;2000000 1000000;'

is "this kernel and busybox do what the test says" "$(su tester -c tries | tr '\n' ';')" "device open;Connection refused;"
from /unit/job "$tries"
is "the group itself" "$(one_line /tmp/tried | cut -d';' -f1,2)" "device refused;Operation not permitted"
before
sudo_works
for isolation in partition affinity none; do
	from /unit/job "/qb/build/quietbench run --no-check -p default -s cpus.isolation=$isolation -- sh -c '$tries'" >/tmp/qb.out 2>&1
	is "a run, isolation $isolation: status" "$?" 0
	is "a run, isolation $isolation: as in its caller's group" "$(one_line /tmp/tried)" "$want"
	quiet_again "a run, isolation $isolation"
done
from /unit/job "/qb/build/quietbench run --no-check -p default -- /qb/build/quietbench run --no-check -- sh -c '$tries'" >/tmp/qb.out 2>&1
is "a run in a run: filters" "$? $(one_line /tmp/tried | cut -d';' -f1,2)" "0 device refused;Operation not permitted"
from /unit/job "/qb/build/quietbench run --shared -p default -- sh -c '$tries'" >/tmp/qb.out 2>&1
is "a shared run: status" "$?" 0
is "a shared run: as in its caller's group" "$(one_line /tmp/tried)" "$want"
quiet_again "a shared run"
# From outside the group: the lease itself has no limits.
qb 0 "a lease" tester apply -p default --for 1h
from /unit/job "/qb/build/quietbench run --no-check -- sh -c '$tries'" >/tmp/qb.out 2>&1
is "a run that joins a lease: status" "$?" 0
is "a run that joins a lease: as in its caller's group" "$(one_line /tmp/tried)" "$want"
from /unit/job "/qb/build/quietbench run --no-check -- /qb/build/quietbench run --no-check -- sh -c '$tries'" >/tmp/qb.out 2>&1
is "a run in a run that joined: as in its caller's group" "$? $(one_line /tmp/tried)" "0 $want"
by tester "/qb/build/quietbench run --no-check -- sh -c '$tries'" >/tmp/qb.out 2>&1
is "another run there is free of it" "$(one_line /tmp/tried | cut -d';' -f1,2)" "device open;Connection refused"
qb 0 "the lease ends" tester restore
quiet_again "a lease"

# ---- what cannot be taken over ----
echo 1 >$top/unit/cpu.idle 2>/dev/null && {
	from /unit/job "/qb/build/quietbench run --no-check -p default -- touch /tmp/started" >/tmp/qb.out 2>&1
	is "cpu.idle: refused" "$?" 125
	tells "cpu.idle" "cgroup /unit has a limit that the run's group cannot take over: cpu.idle reads '1'"
	echo 0 >$top/unit/cpu.idle
	echo 20 >$top/unit/cpu.weight
}
device=$(cat /sys/block/nvme0*/dev /sys/block/*/dev 2>/dev/null | head -n 1)
if [ -n "$device" ] && echo "$device wbps=1000000" >$top/unit/io.max; then
	from /unit/job "/qb/build/quietbench run --no-check -p default -- touch /tmp/started" >/tmp/qb.out 2>&1
	is "io.max: refused" "$?" 125
	tells "io.max" "io.max reads '$device .*wbps=1000000"
	echo "$device wbps=max" >$top/unit/io.max
fi
ok "nothing was started" [ ! -e /tmp/started ]
quiet_again "refused"

# ---- a caller of the lowest kind, and its busy loops where its helper would be ----
mkdir -p /tmp/low/real
cp /qb/build/quietbench /tmp/low
cp /qb/build/quietbench-helper /qb/build/quietbench-planner /tmp/low/real
cp -r /qb/profiles /tmp/low
cp /bin/hostile /tmp/low/quietbench-helper
seen() { # PID
	echo "$(awk '{ print $19, $41 }' "/proc/$1/stat") $(cat "/proc/$1/oom_score_adj") $(list "$1") $(awk '/Max cpu time|Max open files|Max file size/ { print $(NF - 1) }' "/proc/$1/limits" | tr '\n' ' ')"
}
rm -f /tmp/go
/tmp/low/quietbench run --no-check -p minimal -s cpus.isolation=none -- sh -c 'touch /tmp/on; until [ -e /tmp/go ]; do sleep 0.1; done' >/tmp/qb.out 2>&1 &
client=$!
ok "left everything: it runs" within 60 [ -e /tmp/on ]
monitor=$(monitor)
is "left everything: the guardian's nice, policy, OOM score, CPUs, limits" "$(seen "$(parent "$monitor")")" "0 0 -1000 0-7 unlimited 1073741824 65536 "
is "left everything: the monitor's" "$(seen "$monitor")" "0 0 -1000 0-7 unlimited 1073741824 65536 "
/tmp/low/quietbench run --no-check -- true >/tmp/waits.out 2>&1 &
ok "left everything: another waits" within 60 grep -q waiting /tmp/waits.out
waiting=$!
waiter=$(child_of "$waiting")
is "left everything: who waits" "$(seen "$waiter")" "0 0 0 0-7 unlimited 1073741824 65536 "
for i in 1 2 3 4 5 6; do taskset 1 sh -c 'while :; do :; done' & hogs="${hogs:-} $!"; done
began=$(cut -d. -f1 /proc/uptime)
kill -9 "$client"
ok "beside six busy loops on the CPU that it was given: the next one has its turn" within 90 grep -q restored /tmp/waits.out
echo "# within $(($(cut -d. -f1 /proc/uptime) - began)) s"
# shellcheck disable=SC2086 # a list
kill $hogs
quiet_again "left everything"
done_testing
