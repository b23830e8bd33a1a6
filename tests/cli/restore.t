#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# status and restore around a session that is killed with everybody who could have healed it, on a
# substituted host. A governor that somebody else sets meanwhile is a conflict.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor

cat >"$tmp/story" <<EOF
# say NAME COMMAND...: its output goes to NAME, its status to NAME.status
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
# Others are the machine's own processes, which the host only shows, and other tests change.
$qb run --no-check -q -s cpus.isolation=none -- sleep 8 &
for i in \$(seq 100); do
	$qb status >/dev/null && break
	sleep 0.1
done
say live $qb status
say busy $qb restore
monitor=\$($qb status --json | jq .session.monitor)
client=\$($qb status --json | jq .session.client)
guardian=\$(awk '{ print \$4 }' /proc/\$monitor/stat)
echo userspace >$governor
say drifted $qb status
kill -9 \$guardian \$monitor \$client
while [ -d /proc/\$monitor ]; do
	sleep 0.1
done
say dead $qb status
say restored $qb restore
cat $governor >$tmp/kept
say conflict $qb status
say forced $qb restore --force
cat $governor >$tmp/taken
say clean $qb status
say again $qb restore
# A file that is a folder when it is to be put back.
$qb check --conditioned --duration 3s -c 1 -s cpus.isolation=none >$tmp/check 2>&1 &
check=\$!
until $qb status >/dev/null; do sleep 0.1; done
mv $governor $governor.was && mkdir $governor
wait \$check
echo \$? >$tmp/check.status
rmdir $governor && mv $governor.was $governor
say late $qb restore
# The monitor is killed while its guardian, which would restore now, is stopped.
$qb run --no-check -q -s cpus.isolation=none -- sleep 30 2>/dev/null &
run=\$!
until $qb status >/dev/null; do sleep 0.1; done
monitor=\$($qb status --json | jq .session.monitor)
guardian=\$(awk '{ print \$4 }' /proc/\$monitor/stat)
kill -STOP \$guardian
kill -9 \$monitor
until grep -q '^State:.Z' /proc/\$monitor/status; do sleep 0.1; done
say stuck $qb status
say awake $qb run --no-check -q --lock-wait 10s -s cpus.isolation=none -- true
say woken $qb status
kill \$run
wait \$run
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>/dev/null

tells live 0 '^conditioned$'
tells busy 1 '^quietbench: restore: the host is in use by '
tells drifted 1 'frequency.governor  policy0  performance → userspace'
tells dead 1 '^left over: its session was interrupted; run: quietbench restore$'
tells restored 0 'left as another program set it: frequency.governor  policy0'
is "restored: somebody else's value stays" "$(cat "$tmp/kept")" userspace
tells conflict 3 '^not conditioned: .*quietbench restore --force$'
tells forced 0 'put back: frequency.governor  policy0  userspace → ondemand'
is "forced: the first value is back" "$(cat "$tmp/taken")" ondemand
tells clean 3 '^not conditioned$'
tells check 124 '^quietbench: NOT RESTORED completely'
tells late 0 'put back: frequency.governor  policy0'
tells stuck 1 '^left over: .* is stopped'
tells awake 0 ''
tells woken 3 '^not conditioned$'
tells again 0 '^quietbench: nothing is left to restore$'
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
