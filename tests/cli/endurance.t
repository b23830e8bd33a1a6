#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run after run on a substituted host: nothing drifts, nothing is left over. 50, or 1,000 with QB_FULL.
. "$(dirname "$0")/lib.sh"
runs=${QB_FULL:+1000}
runs=${runs:-50}

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
mkdir "$tmp/host/run"
cp -a "$tmp/host" "$tmp/before"
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor

# Without isolation: the machine's own processes, which come and go, are none of this host's.
# Each benchmark tells what the host is conditioned to, how many files it has open, where it is and what it may use.
cat >"$tmp/story" <<EOF
for i in \$(seq $runs); do
	$qb run --no-check -q -c 1 -s cpus.isolation=none -- sh -c 'cat $governor; ls /proc/self/fd | wc -l; cat /proc/self/cgroup; ulimit -a' >$tmp/seen 2>>$tmp/said ||
		echo "run \$i: status \$?" >>$tmp/said
	[ -e $tmp/first ] || cp $tmp/seen $tmp/first
	cmp -s $tmp/first $tmp/seen || echo \$i >>$tmp/different
	[ \$i != 1 ] || find /run -exec stat -c '%n %a %u:%g %s' {} + >$tmp/run.first
done
find /run -exec stat -c '%n %a %u:%g %s' {} + >$tmp/run.last
$qb status >/dev/null
echo \$? >$tmp/status
for exe in /proc/[0-9]*/exe; do
	readlink \$exe
done 2>/dev/null | grep ^$tmp >$tmp/processes
EOF
: >"$tmp/said" >"$tmp/different"
"$build/tests/with-host" "$tmp/host" sh "$tmp/story"

is "$runs runs: each ends well and says nothing" "$(cat "$tmp/said")" ""
is "a benchmark finds a conditioned host" "$(sed -n 1p "$tmp/first") $(cat "$tmp/before$governor")" "performance ondemand"
is "$runs runs: each benchmark finds the same" "$(cat "$tmp/different")" ""
is "nothing is conditioned any more" "$(cat "$tmp/status")" 3
is "/run holds what it held after the first run" "$(cat "$tmp/run.last")" "$(cat "$tmp/run.first")"
is "no process is left" "$(cat "$tmp/processes")" ""
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -path ./run -prune -o -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
