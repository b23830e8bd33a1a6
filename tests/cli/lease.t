#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# apply on a substituted host, which has no control groups: the account, runs that join, what they
# are refused, drift, and the queue: fifty runs that wait for a lease's end, in their order, one of
# them dead and one of them stopped. The machine is restored exactly.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor
runs=50
# Without isolation: the machine's own processes, which come and go, are none of this host's.
alone='-c 1 -s cpus.isolation=none'

# inside a run: two runs at once, SISTER and BROTHER
cat >"$tmp/sisters.sh" <<EOF
$qb run --no-check -q -n 1 -o $tmp/\$1.json -- sh -c "touch $tmp/\$1.up; until [ -e $tmp/\$1.go ]; do sleep 0.05; done" &
until [ -e $tmp/\$1.up ]; do sleep 0.05; done
$qb run --no-check -n 1 -o $tmp/\$2.json -- true
touch $tmp/\$1.go
wait
EOF
cat >"$tmp/story" <<EOF
cd $tmp
# say NAME COMMAND...: its output goes to NAME, its status to NAME.status
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
waiting() { ls /run/quietbench/queue | wc -l; }
until_waiting() {
	for i in \$(seq 600); do
		[ \$(waiting) != \$1 ] || return 0
		sleep 0.05
	done
	echo "\$(waiting) of \$1 wait" >>$tmp/stuck
}
say unprivileged $user $qb apply
say gives_way taskset -c 0 $qb run --no-check $alone -- grep ^Cpus_allowed_list /proc/self/status
say agrees taskset -c 1 $qb run --no-check $alone -- true
say untied taskset -c 0 $qb run --no-check $alone -s process.pin=false -- true
say applied $qb apply $alone
say status $qb status --json
say joined $qb run --no-check -o $tmp/record.json -- grep ^Cpus_allowed_list /proc/self/status
say preflight $qb run -s check.probe=0 -o $tmp/preflight.json -- true
say measured $qb run -s check.probe=0 -s check.duration=100ms -o $tmp/measured.json -- true
say profiled $qb run -s check.probe=0 -p default -s check.duration=100ms -o $tmp/profiled.json -- true
say housed taskset -c 0 $qb run --no-check -- true
say nested $qb run --no-check -q -- $qb run --no-check -q -o $tmp/nested.json -- echo in
say outside $qb run --no-check -c 0 -- touch $tmp/started
say required $qb run --no-check --require idle.dma_latency -- touch $tmp/started
say another $qb run --no-check -p minimal --require frequency.governor -- true
say alone $qb run --no-check -p strict --require frequency.epb -- touch $tmp/started
say unheeded $qb run --no-check -q -s frequency.turbo=true -s process.nice=3 -- nice
say unheard $qb run --no-check -s frequency.turbo=true -- true
say stranger $user $qb run --no-check -- true
say refused $user $qb restore
say renewed $qb apply --while \$\$
cat $governor >$tmp/conditioned
echo userspace >$governor
say drifted $qb status
cat $tmp/conditioned >$governor
say undrifted $qb status
say ended $qb restore
say again $qb restore

# two CPUs, and who is where
until_there() {
	for i in \$(seq 200); do
		[ ! -e \$1 ] || return 0
		sleep 0.05
	done
	echo "\$1 is not there" >>$tmp/stuck
}
# holder NAME OPTION...: a run in the background whose command waits for NAME.go
holder() {
	name=\$1
	shift
	say \$name $qb run --no-check -o $tmp/\$name.json "\$@" -- sh -c "echo \\\$\\\$ >$tmp/\$name.pid; touch $tmp/\$name.up; until [ -e $tmp/\$name.go ]; do sleep 0.05; done" &
	until_there $tmp/\$name.up
}
say pair $qb apply -c 0-1 -s cpus.isolation=none
holder first -n 1
say second $qb run -n 1 -o $tmp/second.json -- true
say listed $qb run -c 0-1 -n 1 -o $tmp/listed.json -- true
say rest $qb run -o $tmp/rest.json -- true
say insisting $qb run -s check.duration=100ms -n 2 -o $tmp/insisting.json -- true
say beside $qb check --quick --duration 300ms -o $tmp/beside.json
first=\$(jq -r .cpus.benchmark $tmp/second.json | tr 01 10)
say there $qb check -c \$first --duration 300ms
holder other -n 1
say third $qb run --no-check -n 1 -- true
say nowhere $qb check --duration 300ms
touch $tmp/first.go $tmp/other.go
wait
holder lonely -n 2
say family $qb run --no-check -q -n 1 -- $qb run -n 1 -o $tmp/family.json -- true
touch $tmp/lonely.go
wait
say cousins $qb run --no-check -q -- sh $tmp/sisters.sh aunt uncle
say parent $qb run -n 1 -o $tmp/parent.json -- $qb run -n 1 -o $tmp/child.json -- true
# one comes after the first probe and is still there at the second
say early $qb run -n 1 -o $tmp/early.json -- sh -c "touch $tmp/early.up; until [ -e $tmp/early.go ]; do sleep 0.05; done" &
until_there $tmp/early.up
holder late -n 2
touch $tmp/early.go
while [ ! -e $tmp/early.status ]; do sleep 0.05; done
touch $tmp/late.go
wait
say unpaired $qb restore
say sisters $qb run -q --no-check -c 0-1 -s cpus.isolation=none -- sh $tmp/sisters.sh sister brother
say clean $qb status
# a lease whose processes are killed while a run has joined it: the next one's CPUs are all free
say doomed $qb apply -c 0-1 -s cpus.isolation=none
holder orphan -n 1
kill -9 \$(find -L /proc/[0-9]*/fd -maxdepth 1 -samefile /run/quietbench/lock 2>/dev/null | cut -d/ -f3 | sort -u)
say next $qb apply -c 0-1 -s cpus.isolation=none
say heir $qb run -n 1 -o $tmp/heir.json -- true
touch $tmp/orphan.go
wait
say last $qb restore
# the same, and nobody has restored when the run ends
say lost $qb apply -c 0-1 -s cpus.isolation=none
holder abandoned -n 1
monitor=\$($qb status --json | jq .session.monitor)
kill -9 \$(awk '{ print \$4 }' /proc/\$monitor/stat) \$monitor
touch $tmp/abandoned.go
wait
say left $qb status
say found $qb restore
# who serves a run is killed, and the session lives, or nobody does
helpers() { pgrep -f $tmp/build/quietbench-helper; }
# Who is killed may take a moment to die, and is somebody meanwhile.
kill_all() {
	kill -9 \$(helpers)
	while helpers >/dev/null; do sleep 0.1; done
}
say kept $qb apply -c 0-1 -s cpus.isolation=none
monitor=\$($qb status --json | jq .session.monitor)
holder unserved -n 1
kill -9 \$(helpers | grep -v -x -e \$monitor -e \$(awk '{ print \$4 }' /proc/\$monitor/stat))
touch $tmp/unserved.go
wait
say stands $qb status
holder bereft -n 1
kill_all
touch $tmp/bereft.go
wait
say bereaved $qb restore
holder sharer --shared -c 1 -s cpus.isolation=none
kill_all
touch $tmp/sharer.go
wait
say unshared $qb restore
say expired $qb apply $alone --for 1s
say outlived $qb run --no-check -- sleep 2
say afterwards $qb status
say insider $qb run --no-check $alone -- $qb apply

# the queue
say long $qb run --no-check -q $alone -- sh -c "until [ -e $tmp/go ]; do sleep 0.1; done" &
for i in \$(seq 100); do
	$qb status >/dev/null && break
	sleep 0.1
done
for i in \$(seq $runs); do
	$qb run --no-check -s cpus.isolation=none -- sh -c "echo \$i >>$tmp/order" 2>$tmp/run.\$i &
	eval "run_\$i=\$!"
	until_waiting \$i
done
# how often each of those who wait went to sleep
sleeps() {
	for place in /run/quietbench/queue/*; do
		place=\${place#*queue/*.}
		sed -n "s/^voluntary_ctxt_switches:/\${place%%.*}/p" /proc/\${place%%.*}/status
	done
}
sleep 1
sleeps >$tmp/sleeps
sleep 1
sleeps >$tmp/sleeps.later
$qb run --no-check $alone -- touch $tmp/started >$tmp/told 2>&1 &
told=\$!
until_waiting $((runs + 1))
kill -TERM \$(pgrep -P \$told)
wait \$told
echo \$? >$tmp/told.status
say impatient $qb run --no-check --no-lock-wait -- true
say hurried $qb run --no-check --lock-wait 200ms -- true
kill -9 \$run_2
kill -STOP \$run_3
until grep -q '^State:.T' /proc/\$run_3/status; do sleep 0.05; done
until_waiting $((runs - 1))
touch $tmp/go
for i in \$(seq $runs); do
	[ \$i = 3 ] || eval "wait \\\$run_\$i"
done
echo continued >>$tmp/order
kill -CONT \$run_3
wait
# and fifty at once
for i in \$(seq $runs); do
	$qb run --no-check -q -s cpus.isolation=none -- sh -c "mkdir $tmp/only && rmdir $tmp/only && echo \$i >>$tmp/at-once" &
done
wait
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>/dev/null

tells unprivileged 1 '^quietbench: apply needs privilege: .*; to change that: '
tells applied 0 '^quietbench: it stays so until 20[-0-9]* [0-9:]+$'
like "applied: the CPUs" "$(cat "$tmp/applied")" '^quietbench: (vm|default).*: benchmark on CPU 1'
like "applied: where the shell is" "$(cat "$tmp/applied")" 'your shell stays on the housekeeping CPUs'
is "status: of a lease" "$(jq -c '[.state, .session.command, .session.lease.while]' "$tmp/status")" '["conditioned",null,null]'
like "status: until when" "$(jq -r .session.lease.until "$tmp/status")" '^20[-0-9]*T[0-9:]+\+'
tells joined 0 '^Cpus_allowed_list:[[:space:]]1$'
like "joined: says so, and where, in one line" "$(grep '^quietbench: ' "$tmp/joined" | head -1)" \
	'^quietbench: joined the apply of user 0, since 20[0-9-]+ [0-9:]+ until 20[0-9-]+ [0-9:]+: (vm|default)( \(.*\))?: benchmark on CPU 1, other tasks are not kept off; programs will see 1 CPU$'
is "joined: one line before the command" "$(sed '/^Cpus_allowed_list/,$d' "$tmp/joined" | wc -l)" 1
tells preflight 0 '^quietbench: joined the apply'
is "joined: no preflight" "$(jq -c .check "$tmp/preflight.json")" null
tells measured 0 '^quietbench: joined the apply'
is "joined: the preflight that was asked for" "$(jq '.check != null' "$tmp/measured.json")" true
is "joined: check.* counts" "$(grep -c ignored "$tmp/measured")" 0
is "joined: a profile that was named" "$(jq '.check != null' "$tmp/profiled.json")" true
tells gives_way 0 "^quietbench: the caller's affinity \(0\) gives way to the benchmark's CPU 1\$"
like "the caller's affinity: where the command runs" "$(cat "$tmp/gives_way")" '^Cpus_allowed_list:[[:space:]]1$'
is "an affinity that the benchmark's CPU is in" "$(cat "$tmp/agrees.status" && grep -c affinity "$tmp/agrees")" "0
0"
is "a command that is not pinned runs where its caller says" "$(grep -c affinity "$tmp/untied")" 0
is "joined: the housekeeping CPUs are no wish" "$(cat "$tmp/housed.status" && grep -c affinity "$tmp/housed")" "0
0"
is "joined: the record" "$(jq -c '[.conditioned, .restore, .cpus]' "$tmp/record.json")" \
	'["joined",null,{"benchmark":"1","reserved":"","offline":"","housekeeping":"0","isolated":""}]'
is "joined: the record has the lease's levers" \
	"$(jq '[.levers[] | select(.lever == "frequency.governor" and .status == "applied")] | length > 0' "$tmp/record.json")" true
tells nested 0 '^in$'
is "nested: the record" "$(jq -r .conditioned "$tmp/nested.json")" joined
tells outside 125 '^quietbench: join on CPU 1 \(housekeeping is on 0\): cpus.list 0: CPU 0: .*; choose from 1$'
tells required 125 '^quietbench: idle.dma_latency is required but not available'
tells another 125 '^quietbench: frequency.governor is required but not available: the profile leaves it alone$'
tells alone 125 "^quietbench: frequency.epb is required but not available: the session that this run joined leaves it alone\$"
tells unheeded 0 '^3$'
tells unheard 0 '^quietbench: frequency.turbo=true ignored: this run joined an existing session$'
ok "what was refused was not started" [ ! -e "$tmp/started" ]
tells stranger 0 '^quietbench: NOT CONDITIONED'
tells refused 1 '^quietbench: restore needs privilege: '
tells renewed 0 '^quietbench: renewed with its present settings: (vm|default), CPU 1 '
like "renewed: while" "$(cat "$tmp/renewed")" '^quietbench: it stays so as long as process [0-9]+ lives$'
tells drifted 1 'frequency.governor  policy0  .* → userspace'
tells undrifted 0 '^conditioned$'
tells ended 0 '^quietbench: restored$'
cpu() { jq -r .cpus.benchmark "$tmp/$1.json"; }
probed() { jq -c '.runs[0].probes != null' "$tmp/$1.json"; }
# there CPU NAME: the line that says whose command is on that CPU
there() { echo "CPU $1 has another run's command \\(pid $(cat "$tmp/$2.pid"), user 0\\)"; }
tells pair 0 '^quietbench: it stays so until'
tells second 0 '^quietbench: joined the apply of user 0, .*: benchmark on CPU [01], '
is "two joined runs: a CPU each" "$(printf '%s\n' "$(cpu first)" "$(cpu second)" | sort | tr '\n' ' ')" "0 1 "
is "two joined runs: nothing to say" "$(grep -c "another run" "$tmp/second")" 0
is "two joined runs: its own CPU is probed" "$(probed second)" true
is "of a list: the CPU that is free" "$(cpu listed)" "$(cpu second)"
is "of a list: nothing to say" "$(grep -c "another run\|forbidden" "$tmp/listed")" 0
is "without -n: the CPUs that are free" "$(cpu rest)" "$(cpu second)"
tells rest 0 "^quietbench: $(there "$(cpu first)" first), and keeps it\$"
is "-n 2: both CPUs" "$(cpu insisting)" 0-1
tells insisting 0 "^quietbench: $(there "$(cpu first)" first), and this run shares it: neither is undisturbed\$"
like "-n 2: no preflight where a command runs" "$(cat "$tmp/insisting")" "not measured before the command: $(there "$(cpu first)" first): not measured"
is "-n 2: nor probes" "$(probed insisting)" false
like "check: the other CPU" "$(cat "$tmp/beside")" "^quietbench: $(there "$(cpu first)" first): not measured"
is "check: measures the other CPU" "$(cpu beside)" "$(cpu second)"
tells there 3 "^quietbench: check: $(there "$(cpu first)" first): not measured\$"
tells third 0 "^quietbench: $(there '[01]' first), and this run shares it|^quietbench: $(there '[01]' other), and this run shares it"
tells nowhere 3 "^quietbench: check: CPU [01] has another run's command .*, CPU [01] has another run's command .*: not measured\$"
tells other 0 '^quietbench: joined'
tells family 0 ''
is "a run in a run that has all CPUs: nobody else is there" "$(grep -c "another run" "$tmp/family")" 1
tells cousins 0 ''
is "two runs in a joined run: a CPU each" "$(printf '%s\n' "$(cpu aunt)" "$(cpu uncle)" | sort | tr '\n' ' ')" "0 1 "
is "two runs in a joined run: nothing to say" "$(grep -c "another run" "$tmp/cousins")" 0
tells parent 0 '^quietbench: joined'
is "a run in a joined run: the CPU of its parent" "$(cpu child)" "$(cpu parent)"
is "a run in a joined run: its parent is nobody else" "$(grep -c "another run" "$tmp/parent")" 0
is "a run in a joined run: is probed" "$(probed child)" true
tells late 0 "this run shares it"
is "one that came later: no second probe beside it" "$(probed early)" false
tells unpaired 0 '^quietbench: restored$'
tells sisters 0 ''
is "two runs in a run: a CPU each" "$(printf '%s\n' "$(cpu sister)" "$(cpu brother)" | sort | tr '\n' ' ')" "0 1 "
tells next 0 '^quietbench: restored what a killed run of .* left'
is "a claim ends with its session" "$(cpu heir)" "$(cpu orphan)"
is "a claim ends with its session: nobody else is there" "$(grep -c "another run" "$tmp/heir")" 0
tells last 0 '^quietbench: restored$'
tells abandoned 124 '^quietbench: the session that was joined has died, and the host is not restored: quietbench restore$'
is "a lost session: what was measured is not vouched for" "$(jq -r '.runs[0].verdict' "$tmp/abandoned.json")" unknown
tells left 1 '^left over: '
tells found 0 '^quietbench: .*restored'
tells unserved 0 '^quietbench: processes that the command left running could not be looked for: the helper is gone$'
tells stands 0 '^conditioned$'
for bereft in bereft sharer; do
	tells $bereft 124 '^quietbench: it is not known whether the host is restored: the helper is gone; see: quietbench status$'
done
tells bereaved 0 '^quietbench: restored what a killed run of '
tells unshared 0 '^quietbench: restored what a killed run of '
tells again 0 '^quietbench: nothing is left to restore$'
tells clean 3 '^not conditioned$'
tells expired 0 'it stays so until'
tells outlived 0 '^quietbench: the host was restored during the run'
tells afterwards 3 '^not conditioned$'
tells insider 1 '^quietbench: apply: this command runs inside '

tells impatient 125 '^quietbench: the host is in use by the run of user 0 \(process [0-9]+\), since 20[0-9-]+ [0-9:]+: sh -c '
tells hurried 125 '^quietbench: the host is still in use after the time given by --lock-wait$'
is "the queue: whoever waits makes no system call" "$(cat "$tmp/sleeps.later")" "$(cat "$tmp/sleeps")"
is "the queue: all of them" "$(wc -l <"$tmp/sleeps")" $runs
tells told 125 '^quietbench: the helper was told to end while it waited for the host$'
ok "told to end while it waited: it did not begin" [ ! -e "$tmp/started" ]
like "the queue: whom a run waits for" "$(cat "$tmp/run.1")" '^quietbench: waiting for the run of user 0 \(process [0-9]+\), since 20[0-9-]+ [0-9:]+: sh -c '
is "the queue: nobody was stuck" "$(cat "$tmp/stuck" 2>/dev/null)" ""
is "the queue: each once, in order, but the dead and the stopped" "$(tr '\n' ' ' <"$tmp/order")" \
	"1 $(seq -s ' ' 4 $runs) continued 3 "
is "fifty at once: each once, and alone" "$(sort -n "$tmp/at-once" | tr '\n' ' ')" "$(seq -s ' ' $runs) "
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
