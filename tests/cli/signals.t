#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Signals: what is sent to quietbench alone reaches the command once; what its whole group gets
# reaches the command anyway and is not doubled.
. "$(dirname "$0")/lib.sh"

# Counts what it gets until USR2 ends it.
cat >count <<'END'
#!/usr/bin/perl
$| = 1;
for my $s (qw(HUP INT TERM USR1 CONT WINCH)) { $SIG{$s} = sub { $n{$s}++ } }
$SIG{USR2} = sub { print join(' ', map { "$_=$n{$_}" } sort keys %n), "\n"; exit 7 };
print "ready\n";
sleep 1 while 1;
END
chmod 755 count
within() { # COMMAND...: succeeds within 10 s
	for _ in $(seq 200); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
has() { grep -q "$1" "$2" 2>/dev/null; }
# begin COMMAND...: quietbench, the first of a session of its own, and so of its group: $qb_pid
begin() {
	: >got
	$user setsid "$qb" run --no-check -q -- "$@" >got 2>&1 </dev/null &
	qb_pid=$!
	within has ready got
}
# end: asks for the counts; sets status and counts
end() {
	sleep 0.3
	kill -USR2 "$qb_pid"
	wait "$qb_pid"
	status=$?
	counts=$(sed -n 2p got)
}
settle() { sleep 0.2; }

begin ./count
for s in USR1 TERM INT HUP CONT WINCH USR1; do
	kill -$s "$qb_pid"
	settle
done
end
is "sent to quietbench alone" "$counts" "CONT=1 HUP=1 INT=1 TERM=1 USR1=2 WINCH=1"
is "the command's own status" "$status" 7

begin ./count
for s in USR1 TERM INT HUP CONT WINCH USR1; do
	kill -$s -"$qb_pid"
	settle
done
end
is "sent to the group" "$counts" "CONT=1 HUP=1 INT=1 TERM=1 USR1=2 WINCH=1"

begin ./count
for s in USR1 TERM; do
	kill -$s -"$qb_pid"
	settle
	kill -$s "$qb_pid"
	settle
done
end
is "sent to the group, then to quietbench" "$counts" "TERM=2 USR1=2"

begin setsid ./count
kill -USR1 -"$qb_pid"
settle
end
is "the command has left the group" "$counts" "USR1=1"

begin sh -c 'echo ready; exec sleep 100'
kill -TERM "$qb_pid"
wait "$qb_pid"
is "SIGTERM ends a command that does not handle it" "$?" 143

$user timeout 1 "$qb" run --no-check -q -- sleep 100
is "timeout(1) works" "$?" 124
$user perl -e 'alarm 1; exec @ARGV' "$qb" run --no-check -q -- sleep 100
is "an alarm set by the caller works" "$?" 142
$user setsid -w "$qb" run --no-check -q -- sh -c 'trap "exit 6" TERM; kill 0; sleep 5'
is "a command that signals its own group" "$?" 6

# ---- stopping without a terminal ----
begin sh -c 'echo ready; sleep 1; exit 8'
child=$(pgrep -P "$qb_pid" -x sh)
kill -STOP "$child"
within [ "$(ps -o stat= -p "$child" | cut -c1)" = T ]
kill -CONT "$child"
wait "$qb_pid"
is "a command stopped and continued by others" "$?" 8

begin ./count
kill -KILL "$qb_pid"
wait "$qb_pid" 2>/dev/null
kill -USR2 "$(pgrep -n -f '^/usr/bin/perl ./count$')"
within has '^$' got
ok "without privilege a killed quietbench leaves the command to itself" within [ "$(wc -l <got)" = 2 ]
none_of_ours() { ! pgrep -s "$qb_pid" -x quietbench-sig >/dev/null; }
ok "and nothing of its own stays" within none_of_ours
finish
