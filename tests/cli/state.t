#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What becomes of a session whose state is taken away from it, on a substituted host: /run/quietbench is removed, moved or
# full while it holds the host. It ends itself, restores exactly, and no other session holds the host meanwhile (MUST 14).
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor
state=/run/quietbench
# Without isolation: the machine's own processes, which come and go, are none of this host's.
alone='-s cpus.isolation=none'

cat >"$tmp/story" <<EOF
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
until_there() {
	for i in \$(seq 200); do
		[ ! -e \$1 ] || return 0
		sleep 0.05
	done
	echo "\$1 is not there" >>$tmp/stuck
}
# holder NAME: a run in the background whose command waits for NAME.go
holder() {
	say \$1 $qb run --no-check $alone -- sh -c "touch $tmp/\$1.up; until [ -e $tmp/\$1.go ]; do sleep 0.05; done" &
	until_there $tmp/\$1.up
}
governor() { cat $governor; }

# removed; whoever comes next finds the host as it was
holder removed
rm -rf $state
say after $qb run --no-check -q $alone -- true
governor >$tmp/after.governor
touch $tmp/removed.go
wait

# moved while the session cannot react: nobody else gets the host before it did
holder moved
monitor=\$($qb status --json | jq .session.monitor)
guardian=\$(awk '{ print \$4 }' /proc/\$monitor/stat)
kill -STOP \$guardian \$monitor
mv $state $state.old
say refused $qb run --no-check -q --no-lock-wait $alone -- touch $tmp/refused.ran
governor >$tmp/refused.governor
say waited $qb run --no-check -q --lock-wait 20s $alone -- true &
waited=\$!
sleep 0.3
kill -CONT \$guardian \$monitor
wait \$waited
touch $tmp/moved.go
wait
rm -rf $state.old

say leased $qb apply $alone
say held $qb status
rm -rf $state
say next $qb run --no-check -q $alone -- true
say quiet $qb status

# full, and a governor that somebody has changed: the session is settled, and the list of it is kept
mount -t tmpfs -o size=1M,mode=0755 tmpfs $state
holder full
echo userspace >$governor
dd if=/dev/zero of=$state/filler bs=4k count=1000 2>/dev/null
touch $tmp/full.go
wait
ls $state >$tmp/full.left
say listed $qb status
rm $state/filler
# it changes again, and is given up with a word; what is forgotten is not repeated
echo powersave >$governor
say forced $qb restore --force
say forgotten $qb restore --force
say again $qb status
echo ondemand >$governor
umount $state
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>/dev/null

is "nothing got stuck" "$(cat "$tmp/stuck" 2>/dev/null)" ""
tells removed 0 '/run/quietbench was removed or replaced: the host is restored, the command goes on$'
tells after 0 '^$'
is "after: the first governor is back" "$(cat "$tmp/after.governor")" ondemand
tells refused 125 'the host is in use by '
is "refused: did not run" "$(ls "$tmp/refused.ran" 2>/dev/null)" ""
is "refused: the session holds the host" "$(cat "$tmp/refused.governor")" performance
tells moved 0 'was removed or replaced'
tells waited 0 '^$'
tells leased 0 '^'
tells held 0 '^conditioned$'
tells next 0 '^$'
tells quiet 3 '^not conditioned$'
tells full 0 'changed by another program meanwhile and left as it is: frequency.governor policy0$'
is "full: nothing but the list is left" "$(grep -v -e filler -e lock -e queue "$tmp/full.left")" conflicts
tells listed 3 'left as another program set it .*'
like "listed: says what" "$(cat "$tmp/listed")" '^  frequency.governor  policy0  ondemand → userspace$'
tells forced 0 'left as another program has set it again since, and forgotten: frequency.governor  policy0  ondemand → powersave$'
is "forced: no advice" "$(grep -c -e --force "$tmp/forced")" 0
tells forgotten 0 '^quietbench: nothing is left to restore$'
tells again 3 '^not conditioned$'
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
