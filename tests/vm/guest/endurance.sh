# SPDX-License-Identifier: GPL-2.0-or-later
# Run after run on one kernel: it keeps nothing of them. qb.runs=N says how many.
. /qb/guest-lib.sh
runs=$(sed -n 's/.*qb\.runs=\([0-9]*\).*/\1/p' /proc/cmdline)

# What the kernel would keep of a run that is not cleaned up behind: cgroups, also dead ones that are still in use,
# files in /run and /dev/shm, processes. The first run makes the lock.
kept() {
	awk '$1 == "cpuset" { print "cpusets", $3 }' /proc/cgroups
	sed 's/^/cgroups /' /sys/fs/cgroup/cgroup.stat
	find /run /dev/shm /tmp -type s -o -type p -o -path '/run/*'
	echo "processes $(ls -d /proc/[0-9]*/exe | xargs -n 1 readlink 2>/dev/null | grep -vc '^/bin/busybox$')"
}
as_kept() { kept >/tmp/kept.now && diff /tmp/kept /tmp/kept.now; }

start_odd
quietbench run --no-check -q -p default -- true
kept >/tmp/kept
before
dmesg -c >/dev/null
: >/tmp/failed
for run in $(seq "$runs"); do
	quietbench run --no-check -q -p default -- true >>/tmp/failed 2>&1 || echo "run $run: status $?" >>/tmp/failed
done
is "$runs runs: each ends well and says nothing" "$(cat /tmp/failed)" ""
ok "the host is as before" within 10 as_before
ok "the kernel keeps no cgroup, no file and no process of them" within 30 as_kept
dmesg >/tmp/dmesg
is "the kernel complains of nothing" "$(grep -e WARNING -e BUG -e 'Call Trace' -e 'INFO: task' /tmp/dmesg)" ""
stop_odd
done_testing
