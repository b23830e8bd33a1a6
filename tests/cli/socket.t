#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The ways to privilege on a substituted host: the socket (here listens, in systemd's place, a few lines of perl), who may use
# it and who not; what pretends to be it; sudo with sockets that are none of its business; and a session that is left over.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
group=users
gid=$(getent group $group | cut -d: -f3)
socket=/run/quietbench.socket
helper=$tmp/build/quietbench-helper
member="setpriv --reuid 4242 --regid 4242 --groups 4300,$gid --"
primary="setpriv --reuid 4243 --regid $gid --clear-groups --"
stranger='setpriv --reuid 4244 --regid 4244 --groups 4300 --'
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor
cp /bin/sh "$tmp/disturber"

# listen PATH MODE UID GID [PROGRAM]: for each connection a PROGRAM with it as standard input, as systemd does with Accept=yes
cat >"$tmp/listen" <<'EOF'
use strict; use warnings; use Socket; $SIG{CHLD} = 'IGNORE';
my ($path, $mode, $uid, $gid, @program) = @ARGV;
socket(my $listener, PF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
bind($listener, pack_sockaddr_un($path)) or die "bind $path: $!";
chown $uid, $gid, $path; chmod oct $mode, $path;
$) = $( = $gid, $> = $< = $uid if $uid;
listen($listener, 16) or die "listen: $!";
while (accept(my $connection, $listener)) {
	next if fork;
	open STDIN, '<&', $connection or die "stdin: $!";
	exec { $program[0] } @program or die "exec: $!";
}
EOF
# imposter PATH UID PROGRAM: starts PROGRAM with a connection of that user, no socketpair, as standard input; prints what it hears
cat >"$tmp/imposter" <<'EOF'
use strict; use warnings; use Socket;
my ($path, $uid, @program) = @ARGV;
socket(my $listener, PF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
bind($listener, pack_sockaddr_un($path)) or die "bind $path: $!";
chmod 0777, $path;
listen($listener, 1) or die "listen: $!";
if (!fork) {
	$< = $> = $uid;
	socket(my $client, PF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
	connect($client, pack_sockaddr_un($path)) or die "connect: $!";
	my $got = sysread $client, my $message, 65536;
	print join(' ', $message =~ /([ -~]{12,})/g), "\n";
	exit;
}
accept(my $connection, $listener) or die "accept: $!";
if (!fork) {
	open STDIN, '<&', $connection or die "stdin: $!";
	exec { $program[0] } @program or die "exec: $!";
}
close $connection;
wait for 1 .. 2;
EOF
chmod 644 "$tmp/listen"

cat >"$tmp/story" <<EOF
cd $tmp/home
# say NAME COMMAND...: its output goes to NAME, its status to NAME.status
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1 </dev/null
	echo \$? >$tmp/\$name.status
}
# open_door MODE UID GID PROGRAM...
open_door() {
	rm -f $socket
	perl $tmp/listen $socket "\$@" &
	listener=\$!
	until [ -S $socket ]; do sleep 0.05; done
	sleep 0.2
}
open_door 0660 0 $gid $helper
say member $member $qb run --no-check -o record.json -- sh -c 'id -u; cat $governor; grep ^NoNewPrivs /proc/self/status'
say quiet $qb status
say primary $primary $qb run --no-check -q -- id -g
say stranger $stranger $qb run --no-check -- true
say doctor-member $member $qb doctor
say doctor-json $member $qb doctor --json
say doctor-stranger $stranger $qb doctor
say lease $member $qb apply -c 1 -s cpus.isolation=none
say doctor-lease $member $qb doctor
say refused $primary $qb restore
say ended $member $qb restore
chmod 666 $socket
say loose $stranger $qb run --no-check -- true

# A member may not use perf; the helper sees who else had the CPU, and names nobody who is neither his nor the kernel's.
$tmp/disturber -c "while :; do :; done" &
disturber=\$!
taskset -cp 1 \$disturber >/dev/null
watched="run --no-check -c 1 -s cpus.isolation=none -s process.pin=true --fail-noisy -o watched.json --"
say watcher $member $qb run --no-check -q -s cpus.isolation=none -- sh -c 'for process in /proc/[0-9]*; do
	if grep -qsx quietbench-watc \$process/comm; then grep -hE "^(Uid|Cap|NoNew|Seccomp:|Max cpu)" \$process/status \$process/limits; fi
done'
say watched $member $qb \$watched sh -c 'i=0; while [ \$i -lt 200000 ]; do i=\$((i + 1)); done'
cp watched.json watched-nameless.json
say check-nameless $member $qb check -q -c 1 --conditioned -s cpus.isolation=none --duration 1s --json
kill \$disturber

# Told to end, the helper restores the host at once and waits for its client, who then asks what it saw.
say told $member $qb run --no-check -c 1 -s cpus.isolation=none -s process.pin=true -o told.json -- sh -c 'until [ -e told ]; do sleep 0.05; done' &
told=\$!
until monitor=\$($qb status --json | jq -e '.session.monitor'); do sleep 0.1; done
sleep 0.5
kill -TERM \$(sed -n 's/^PPid:.//p' /proc/\$monitor/status)
while $qb status >/dev/null; do sleep 0.1; done
touch told
wait \$told

# The same while the CPUs are looked at: the command does not begin.
say early $member $qb run -c 1 -s cpus.isolation=none -s check.duration=3s -- touch began &
early=\$!
until monitor=\$($qb status --json | jq -e '.session.monitor'); do sleep 0.1; done
sleep 0.5
kill -TERM \$(sed -n 's/^PPid:.//p' /proc/\$monitor/status)
wait \$early

# What even the guardian did not survive is restored when the unit has stopped, and what lives is left alone.
$member $qb run --no-check -q -s cpus.isolation=none -- sleep 30 &
until $qb status >/dev/null; do sleep 0.1; done
$helper --recover </dev/null
say alive $qb status
monitor=\$($qb status --json | jq .session.monitor)
guardian=\$(awk '{ print \$4 }' /proc/\$monitor/stat)
readlink /proc/\$monitor/cwd >$tmp/cwd
kill -9 \$guardian \$monitor
while [ -d /proc/\$monitor ]; do sleep 0.1; done
say dead $qb status
$helper --recover </dev/null
echo \$? >$tmp/recovered.status
say healed $qb status
kill \$listener

# A socket of that name that is not root's: its owner hears nothing.
mkdir -m 777 /run/open
open_door 0666 4244 4244 /bin/cat
say foreign $member $qb run --no-check -- true
kill \$listener
rm -f $socket

# A helper that sudo starts, or root, on what is no socketpair of the user's.
say connection env SUDO_UID=4242 perl $tmp/imposter /run/open/a 4242 $helper
say pretender env SUDO_UID=4242 perl $tmp/imposter $socket 4242 $helper
rm -f $socket
say roots perl $tmp/imposter /run/open/b 0 $helper
say other env SUDO_UID=4243 perl -MSocket -e '
	socketpair(my \$a, my \$b, PF_UNIX, SOCK_SEQPACKET, 0) or die; open STDIN, "<&", \$b;
	if (!fork) { exec "$helper" or die } wait; sysread \$a, my \$m, 65536; print \$m =~ /([ -~]{12,})/g'
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err" || sed 's/^/# /' "$tmp/story.err"

tells member 0 '^4242$'
like "member: conditioned" "$(cat "$tmp/member")" '^performance$'
like "member: no privilege reaches the benchmark" "$(cat "$tmp/member")" '^NoNewPrivs:.0$'
is "member: the record" "$(jq -c '[.conditioned, .restore.complete]' "$tmp/home/record.json")" '["partial",true]'
tells quiet 3 '^not conditioned$'
tells primary 0 "^$gid\$"
tells stranger 0 "NOT CONDITIONED: $socket is for the group $group; to change that: sudo usermod -aG $group "
tells doctor-member 0 "^privilege  $socket\$"
is "doctor --json" "$(jq -c '[.privilege.way, .privilege.lease, .privilege.command]' "$tmp/doctor-json")" '["socket",false,null]'
tells doctor-stranger 0 "^privilege  none: $socket is for the group $group\$"
like "doctor-stranger: what to do" "$(cat "$tmp/doctor-stranger")" "to open one: sudo usermod -aG $group "
tells lease 0 'your shell stays'
tells doctor-lease 0 'none is needed to join your apply'
tells refused 1 'restore: the host is in use'
tells ended 0 'restored'
tells loose 0 "NOT CONDITIONED: user 4244 is not in group $gid.*usermod -aG"
like "the watcher of a member's: nobody, with /proc alone once perf is open, for as long as a run lasts" \
	"$(tr -s '\t ' ' ' <"$tmp/watcher" | tr '\n' ' ')" \
	'Uid: 65534 65534 65534 65534 CapInh: 0000000000000000 CapPrm: 0000000000080000 CapEff: 0000000000080000 CapBnd: [0-9a-f]+ CapAmb: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 Max cpu time unlimited unlimited seconds'
is "watched: --fail-noisy" "$(cat "$tmp/watched.status")" 123
is "watched: what the ticks do not tell a short run" "$(jq -r '.runs[0].verdict' "$tmp/home/watched-nameless.json")" noisy
like "watched: by whom, without a name" "$(jq -r '.runs[0].reasons[]' "$tmp/home/watched-nameless.json")" \
	"^other users' processes ran [0-9]+ times?, [0-9.]+ ms\$"
is "check: seen by the helper" "$(jq -r '.of[0].names_by' "$tmp/check-nameless")" switches
is "check: no name" "$(jq '[.of[0].causes[] | select(.name | test("disturber"))] | length' "$tmp/check-nameless")" 0
is "check: but a cause" "$(jq '[.of[0].causes[] | select(.name | startswith("other users")) | .share] | length == 1 and .[0] > 0.05' "$tmp/check-nameless")" true
tells told 0 '^quietbench: restored'
is "told to end: the record" "$(jq -c '[.runs[0].exit.code, .restore.complete]' "$tmp/home/told.json")" '[0,true]'
tells early 125 '^quietbench: the host was restored before the command began'
like "told to end early: restored" "$(cat "$tmp/early")" '^quietbench: restored'
ok "told to end early: the command did not begin" [ ! -e "$tmp/home/began" ]
tells alive 0 '^conditioned$'
is "the helper's folder" "$(cat "$tmp/cwd")" /
tells dead 1 '^left over'
is "--recover: status" "$(cat "$tmp/recovered.status")" 0
tells healed 3 '^not conditioned$'
tells foreign 0 "^quietbench: $socket is owned by user 4244, not by root: not used\$"
like "foreign: and so" "$(cat "$tmp/foreign")" 'NOT CONDITIONED'
tells connection 0 "standard input under sudo is not a socketpair"
tells pretender 0 "standard input under sudo is not a socketpair"
tells roots 0 'came neither through sudo'
tells other 0 'user 0 is not the user who called sudo \(SUDO_UID 4243\)'
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
