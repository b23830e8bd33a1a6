#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Attacks by users who may use quietbench and want to keep the host: they do not read, fill the helper's end of their session, steal
# from it, end and leave a child, hand over descriptors that take an hour to close. Each time the host is restored and another user's run goes on, within seconds.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" vm "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
rm "$tmp/bin/sudo"
cp "$build/tests/sudo" "$build/tests/attacker" "$tmp/bin"
chmod 4755 "$tmp/bin/sudo"
# Its watcher never ends to speak.
mkdir "$tmp/chatty"
cp "$build/quietbench" "$build/quietbench-helper" "$build/quietbench-planner" "$tmp/chatty"
cp "$build/tests/fake-planner" "$tmp/chatty/quietbench-watcher"
echo chatter >"$tmp/chatty/planner-does"
# It has none.
mkdir "$tmp/blind"
cp "$build/quietbench" "$build/quietbench-helper" "$build/quietbench-planner" "$tmp/blind"
attacker='setpriv --reuid 4242 --regid 4242 --clear-groups --'
other='setpriv --reuid 4243 --regid 4243 --clear-groups --'

# ATTACK SECONDS: within so many the host is another's
cat >"$tmp/table" <<EOF
keeper 3
fill 3
thief 3
mute 14
slow-hello 20
slow-plan 20
slow-run 20
slow-place 20
slow-after 20
EOF
cat >"$tmp/story" <<EOF
cd $tmp/home
export ATTACK_HELPER=$tmp/build/quietbench-helper
run="$qb run --no-check -q -c 1 -s cpus.isolation=none"
now() { date +%s%N; }
# until_held NAME PID
until_held() {
	for i in \$(seq 200); do
		grep -q held $tmp/\$1 && return
		kill -0 \$2 2>/dev/null || return
		sleep 0.05
	done
}
# next NAME: how another user's run fares, and after how many seconds
next() {
	begin=\$(now)
	$other \$run --lock-wait 60s -- true 2>$tmp/\$1.err </dev/null
	echo \$? \$(((\$(now) - begin) / 1000000000)) >$tmp/\$1.run
	$qb status >$tmp/\$1.status
	kill -s KILL -- -\$holder 2>/dev/null
	wait \$holder 2>/dev/null
}
while read -r attack seconds; do
	setsid $attacker $tmp/bin/attacker \$attack >$tmp/\$attack 2>&1 </dev/null &
	holder=\$!
	until_held \$attack \$holder
	next \$attack
done <$tmp/table
# Shared runs: who fills is restored with its own run; the honest one goes on, and is told how it went.
$other $qb run --no-check -p minimal --shared -c 2 -s cpus.isolation=none -- \
	sh -c "touch $tmp/home/up; until [ -e $tmp/home/go ]; do sleep 0.05; done" 2>$tmp/honest.err </dev/null &
honest=\$!
until [ -e $tmp/home/up ]; do sleep 0.05; done
ATTACK_SHARED=1 setsid $attacker $tmp/bin/attacker fill >$tmp/sharefill 2>&1 </dev/null &
holder=\$!
until_held sharefill \$holder
sleep 1
touch $tmp/home/go
wait \$honest
echo \$? >$tmp/honest.status
next sharefill
# A stranger at the door of another user's run, which is anybody's to knock at.
$other \$run -- sh -c "touch $tmp/home/up2; until [ -e $tmp/home/go2 ]; do sleep 0.05; done" 2>$tmp/slow-door.err </dev/null &
victim=\$!
until [ -e $tmp/home/up2 ]; do sleep 0.05; done
setsid $attacker $tmp/bin/attacker slow-door >$tmp/slow-door 2>&1 </dev/null &
holder=\$!
until_held slow-door \$holder
touch $tmp/home/go2
begin=\$(now)
wait \$victim
echo \$? \$(((\$(now) - begin) / 1000000000)) >$tmp/slow-door.run
$qb status >$tmp/slow-door.status
kill -s KILL -- -\$holder
wait \$holder 2>/dev/null
# Who is told to end while it listens to its watcher, ends.
$other $tmp/chatty/quietbench run --no-check -c 1 -s cpus.isolation=none -- touch $tmp/home/ran 2>$tmp/chatter </dev/null &
victim=\$!
for i in \$(seq 200); do
	! pgrep -x chatter >/dev/null || break
	sleep 0.05
done
pkill -TERM -o -f '^$tmp/chatty/quietbench-helper'
begin=\$(now)
wait \$victim
echo \$? \$(((\$(now) - begin) / 1000000000)) >$tmp/chatter.run
for i in \$(seq 100); do
	pgrep -f $tmp/build/quietbench-helper >/dev/null || break
	sleep 0.1
done
pgrep -f $tmp/build/quietbench-helper >$tmp/left
# Who watches cannot be started: the run goes on, and says why nobody watched.
$other $tmp/blind/quietbench run --no-check -c 1 -s cpus.isolation=none -- touch $tmp/home/seen 2>$tmp/blind.err </dev/null
echo \$? >$tmp/blind.status
# early NAME COMMAND...: waits for the user's own apply, which is still being made, and then does not any more
early() {
	name=\$1
	shift
	rm -f $tmp/home/stay
	LATE_LEASE=$tmp/home/stay setsid $attacker $tmp/bin/attacker late-lease >$tmp/late.\$name 2>&1 </dev/null &
	holder=\$!
	until_held late.\$name \$holder
	$attacker timeout 60 $qb "\$@" >$tmp/early.\$name 2>&1 </dev/null &
	early=\$!
	for i in \$(seq 600); do
		! grep -q 'waiting for' $tmp/early.\$name || break
		sleep 0.05
	done
	touch $tmp/home/stay
	wait \$early
	echo \$? >$tmp/early.\$name.status
	wait \$holder
	$attacker $qb restore >/dev/null 2>&1
}
early run run --no-check -- grep ^Cpus_allowed_list /proc/self/status
early apply apply --for 2h
# The unit's end. Who takes a new lock marks it.
rm -r /run/quietbench
$tmp/build/quietbench-helper --recover </dev/null
wc -c </run/quietbench/lock >$tmp/lock
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err" || sed 's/^/# /' "$tmp/story.err"

# freed NAME SECONDS
freed() {
	is "$1: the attack was made" "$(cat "$tmp/$1")" held
	is "$1: another user's run" "$(cut -d' ' -f1 "$tmp/$1.run")" 0
	ok "$1: it came within $2 s ($(cut -d' ' -f2 "$tmp/$1.run"))" [ "$(cut -d' ' -f2 "$tmp/$1.run")" -le "$2" ]
	is "$1: the host is restored" "$(cat "$tmp/$1.status")" "not conditioned"
	sed 's/^/# /' "$tmp/$1.err"
}
while read -r attack seconds; do
	freed "$attack" "$seconds"
done <"$tmp/table"
is "shared runs: the honest one" "$(cat "$tmp/honest.status")" 0
freed sharefill 3
freed slow-door 20
is "a watcher that never ends to speak: the run" "$(cut -d' ' -f1 "$tmp/chatter.run")" 0
ok "its monitor listened to SIGTERM, too, and was not killed for it after 20 s ($(cut -d" " -f2 "$tmp/chatter.run"))" [ "$(cut -d" " -f2 "$tmp/chatter.run")" -lt 15 ]
is "nobody can watch: the run" "$(cat "$tmp/blind.status")" 0
# Who may watch by themselves ask nobody.
[ "$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null || echo 0)" -le 0 ] || like "nobody can watch: why" "$(cat "$tmp/blind.err")" "^quietbench: who else runs on the benchmark's CPUs is not seen: open quietbench-watcher beside this program or in .*: No such file"
for way in run apply; do
	is "$way beside an apply that is still being made" "$(cat "$tmp/early.$way.status")" 0
	like "$way: it waited" "$(cat "$tmp/early.$way")" '^quietbench: waiting for the apply of user 4242, since 20[0-9-]+ [0-9:]+$'
done
like "run: it joined" "$(cat "$tmp/early.run")" '^quietbench: joined the apply of user 4242, '
like "run: where it ran" "$(cat "$tmp/early.run")" '^Cpus_allowed_list:[[:space:]]1$'
like "apply: it renewed" "$(cat "$tmp/early.apply")" '^quietbench: renewed with its present settings: minimal, CPU 1 '
is "nothing to recover: nobody takes the lock, or seems to be a session" "$(cat "$tmp/lock")" 0
is "no helper remains" "$(wc -l <"$tmp/left")" 0
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
