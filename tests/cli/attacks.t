#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A table of attacks by an ordinary member of the group: each is tried against the helper behind its socket, each is refused with
# the words below; the host stays as it was, no helper remains, and the log has a line for each session.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
member="setpriv --reuid 4242 --regid 4242 --groups 100 --"
cp "$build/tests/attacker" "$tmp/bin"
cp "$build/tests/attacker" "$tmp/bin/attacker-set-uid" && chmod 4755 "$tmp/bin/attacker-set-uid"

# NAME|what he hears, line by line (extended, each for a whole line; a line of the table's that begins with + goes on)
cat >"$tmp/table" <<'EOF'
half|a packet that is not a message of quietbench
huge|a packet of more than 49152 bytes or 4 fds
version|the peer speaks protocol 99, this program [0-9]+: .*
cut|a message of type 2 with 8 bytes
unknown|a message of type 4711 with 8 bytes
silent|the client said nothing for 10 s
early|request 3 is not permitted in state 0
+request 4 is not permitted in state 0
+request 6 is not permitted in state 0
+request 8 is not permitted in state 0
+the client may not send PLACE
unplanned|request 3 is not permitted in state 1
hello-twice|request 1 is not permitted in state 1
plan-twice|request 2 is not permitted in state 2
steps|the client may not send STEP
lease-run|request 8 is not permitted in state 3
purpose|a session of unknown purpose
leases|--while [0-9]+: that process belongs to user 0, and you are user 4242
+a lease without a duration
rooted|this request is for one's own planner only
+this request is for one's own planner only
counts|a request with counts out of bounds
endless|.*AAAA.*
path|.*\.\./\.\./\.\./etc/shadow.*
value|.*frequency.governor.*
profiles|pipe: a profile must come as a sealed memfd of at most 64 KiB
+fifo: a profile must come as a sealed memfd of at most 64 KiB
+zero: a profile must come as a sealed memfd of at most 64 KiB
+folder: a profile must come as a sealed memfd of at most 64 KiB
+file: a profile must come as a sealed memfd of at most 64 KiB
+socket: a profile must come as a sealed memfd of at most 64 KiB
+unsealed: a profile must come as a sealed memfd of at most 64 KiB
+growing: a profile must come as a sealed memfd of at most 64 KiB
+large: a profile must come as a sealed memfd of at most 64 KiB
+sealed: mine.yaml.*
missing|a request without its files
keep|HELLO with descriptors, which it has not
+not kept
+HELLO with descriptors, which it has not
+not kept
run-twice|RUN before the one before it was placed
run-bare|RUN takes one socket, of type SOCK_SEQPACKET
+RUN takes one socket, of type SOCK_SEQPACKET
stream|RUN takes one socket, of type SOCK_SEQPACKET
place-self|process [0-9]+ is not a child of the client, process [0-9]+
place-other|send: Operation not permitted
place-grandchild|process [0-9]+ is not a child of the client, process [0-9]+
place-set-uid|process [0-9]+ is not a child of the client, process [0-9]+
place-nothing|a packet that is not a message of quietbench
place-twice|place the benchmark: the process [0-9]+ was placed before it and still runs
watch-nobody|WATCH is for a process that was placed
watch-again|done
+WATCH is once for each process
watch-late|done
+watched
+done
+unseen
born-outside|request 11 is not permitted in state 0
+BORN is for a child of a process that was placed
+done
+process 1 is not a child of the client, process [0-9]+
+process [0-9]+ is not a child of the client, process [0-9]+
+process [0-9]+ is not a child of the client, process [0-9]+
+process [0-9]+ was not born in the run's group, or has ended
+process [0-9]+ was not born in the run's group, or has ended
+request 11 is not permitted in state 6
born-joined|done
+BORN is for a child of a process that was placed
nobye|restored
+restored
+conditioned
door|200 of 200 closed
command|conditioned
EOF

# Whoever starts the helper by sudo hands it his limits; here its listener does, where root may raise limits at all.
limited=
prlimit --nofile=8 -- prlimit --nofile=1024 -- true 2>/dev/null && limited='/usr/bin/prlimit --cpu=1 --fsize=0 --nofile=8 --'
cat >"$tmp/listen" <<'EOF'
use strict; use warnings; use Socket; $SIG{CHLD} = 'IGNORE';
socket(my $listener, PF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
bind($listener, pack_sockaddr_un('/run/quietbench.socket')) or die "bind: $!";
chown 0, 100, '/run/quietbench.socket'; chmod 0660, '/run/quietbench.socket';
listen($listener, 64) or die "listen: $!";
while (accept(my $connection, $listener)) {
	next if fork;
	open STDIN, '<&', $connection or die "stdin: $!";
	exec { $ARGV[0] } @ARGV or die "exec: $!";
}
EOF
cat >"$tmp/log" <<'EOF'
use strict; use warnings; use Socket;
socket(my $log, PF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($log, pack_sockaddr_un('/dev/log')) or die "bind: $!";
chmod 0666, '/dev/log';
open my $out, '>>', $ARGV[0] or die "open: $!";
while (defined recv($log, my $line, 8192, 0)) { syswrite $out, "$line\n" }
EOF

cat >"$tmp/story" <<EOF
cd $tmp/home
# A /dev of our own, with a log in it.
mkdir $tmp/dev && mount -t tmpfs -o mode=755 dev $tmp/dev || exit 1
for node in null zero full random urandom; do touch $tmp/dev/\$node && mount --bind /dev/\$node $tmp/dev/\$node; done
mount --move $tmp/dev /dev
perl $tmp/log $tmp/lines &
logger=\$!
perl $tmp/listen $limited $tmp/build/quietbench-helper &
listener=\$!
until [ -S /run/quietbench.socket ] && [ -S /dev/log ]; do sleep 0.1; done
sleep 0.2
(timeout 60 $member $tmp/bin/attacker silent >$tmp/got.silent 2>&1 </dev/null) &
silent=\$!
for attack in \$(sed -n 's/|.*//p' $tmp/table | grep -v -e silent -e door); do
	timeout 60 $member $tmp/bin/attacker \$attack >$tmp/got.\$attack 2>&1 </dev/null
done
# Root's own run, while somebody floods its door; and what its helper is.
$qb run --no-check -q -c 1 -s cpus.isolation=none -- sh -c 'until [ -e $tmp/flooded ]; do sleep 0.05; done; exit 7' &
run=\$!
for i in \$(seq 600); do [ "\$($qb status --json | jq .session.client)" = \$run ] && break; sleep 0.1; done
# (An attack's last session may still be restoring, so it is this one that is waited for)
monitor=\$($qb status --json | jq .session.monitor)
for process in \$monitor \$(awk '{ print \$4 }' /proc/\$monitor/stat); do
	echo "\$(readlink /proc/\$process/cwd)" "\$(tr -d '\\0' </proc/\$process/environ)" \\
		"\$(grep -E '^(Umask|NoNewPrivs|Seccomp):' /proc/\$process/status | tr -s '\\t\\n' '  ')"
	readlink /proc/\$process/fd/[012]
	prlimit --noheadings --raw -o RESOURCE,SOFT,HARD --cpu --core --nofile --pid \$process
done >$tmp/helper
sed -n 's/^CapEff:.//p' /proc/\$monitor/status >$tmp/caps
timeout 60 $member $tmp/bin/attacker door >$tmp/got.door 2>&1
touch $tmp/flooded
wait \$run
echo \$? >$tmp/run.status
# An ordinary session under the same limits.
$member $qb run --no-check -q -c 1 -s cpus.isolation=none -- sh -c 'exit 5'
echo \$? >$tmp/member.status
# Limits that root here may not raise again.
[ -n "$limited" ] || prlimit --nofile=1000 -- $qb run --no-check -q -c 1 -s cpus.isolation=none -- sh -c 'exit 6'
echo \$? >$tmp/low.status
wait \$silent
$qb status >$tmp/after
for i in \$(seq 100); do
	pgrep -f $tmp/build/quietbench-helper >/dev/null || break
	[ \$(pgrep -f $tmp/build/quietbench-helper | wc -l) -gt 1 ] || break
	sleep 0.1
done
pgrep -f $tmp/build/quietbench-helper >$tmp/left
kill \$listener \$logger
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err" || sed 's/^/# /' "$tmp/story.err"

attack=
# judge: what came of an attack, line by line
judge() {
	[ -n "$attack" ] || return 0
	if perl -e 'open my $want, "<", shift; open my $got, "<", shift or exit 1; my @want = <$want>; my @got = <$got>; chomp @want; chomp @got;
		exit 1 if @want != @got; for (0 .. $#want) { exit 1 if $got[$_] !~ /^(?:$want[$_])$/ }' "$tmp/want" "$tmp/got.$attack"; then
		ok "attack: $attack" true
	else
		ok "attack: $attack" false
		sed 's/^/# got: /' "$tmp/got.$attack"
		sed 's/^/# wanted: /' "$tmp/want"
	fi
}
while IFS= read -r line; do
	case $line in
		+*) printf '%s\n' "${line#+}" >>"$tmp/want" ;;
		*) judge; attack=${line%%|*}; printf '%s\n' "${line#*|}" >"$tmp/want" ;;
	esac
done <"$tmp/table"
judge

is "a flooded door: the run goes on" "$(cat "$tmp/run.status")" 7
is "a caller's limits are not the helper's" "$(cat "$tmp/member.status")" 5
hard=$(ulimit -Hn)
files=$((hard < 65536 ? hard : 65536)) # root here may lack CAP_SYS_RESOURCE
is "monitor and guardian: folder, environment, mask, filter, standard files, limits" "$(sort -u "$tmp/helper")" "$(
	sort -u <<-EOF
		/  Umask: 0077 NoNewPrivs: 1 Seccomp: 2 
		/dev/null
		CORE 0 0
		CPU unlimited unlimited
		NOFILE $files $files
	EOF
)"
needed=$(sed -n '/^static const cap_value_t needed/,/^}/s/^\t\(CAP_[A-Z_]*\).*/\1/p' "$source/src/helper/sandbox.c" | tr A-Z a-z | sort | tr '\n' ' ')
# decoded SET: its names
decoded() { capsh --decode="$1" | sed 's/.*=//' | tr , '\n'; }
is "the monitor has the capabilities it names, as far as root here has them" "$(decoded "$(cat "$tmp/caps")" | sort)" \
	"$(decoded "$(sed -n 's/^CapEff:.//p' /proc/self/status)" | while read -r cap; do case " $needed" in *" $cap "*) echo "$cap" ;; esac; done | sort)"
ok "these are some" [ -n "$(decoded "$(cat "$tmp/caps")")" ]
is "nothing is conditioned" "$(cat "$tmp/after")" "not conditioned"
is "no helper remains but the listener" "$(wc -l <"$tmp/left")" 1
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"

# ---- the log ----
log() { grep -c -E "^<85>quietbench\[[0-9]+\]: user $1" "$tmp/lines"; }
is "log: what was refused" "$(log '4242, process [0-9]+: refused: a packet of more than')" 1
is "log: who was silent" "$(log '4242, process [0-9]+: refused: the client said nothing')" 1
is "log: a run, its profile, its CPU, its command" "$(log '4242, process [0-9]+: run of profile [a-z]+ on CPU 1: sh -c exit 5')" 1
is "log: root's run" "$(log '0, process [0-9]+: run of profile [a-z]+ on CPU 1: sh -c until')" 1
low=$([ -n "$limited" ] && echo 0 || echo 1)
is "log: what root could not reset (MUST 2 of sandbox.c), where that is so" \
	"$(log '0, process [0-9]+: run of profile [a-z]+ on CPU 1; root cannot reset the caller.s limits: sh -c exit 6')" "$low"
is "a session under such limits works" "$(cat "$tmp/low.status")" "$((6 * low))"
is "log: how they ended" "$(log '(0|4242), process [0-9]+: ended: [1-9][0-9]* changes restored, 0 conflicts, 0 failures$')" $((2 + low))
is "log: what was broken off" "$(log '4242, process [0-9]+: broken off: RUN before the one before it was placed')" 1
is "log: what a user writes there cannot be mistaken" "$(log '4242, process [0-9]+: run of profile minimal on CPU 1: \?\[2J\?root: all is well\?x+$')" 1
is "log: every line is one of these" "$(grep -v -c -E '^<85>quietbench\[[0-9]+\]: user [0-9]+, process [0-9]+: (refused|broken off|ended|run of profile|shared runs of profile|apply of|joined)' "$tmp/lines")" 0
finish
