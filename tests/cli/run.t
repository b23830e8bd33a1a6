#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run without privilege: it says so, and the command finds everything of the caller's as it was.
. "$(dirname "$0")/lib.sh"

run run --no-check -- sh -c 'echo out; echo err >&2; exit 3'
is "the command's own status" "$status" 3
is "stdout is the command's" "$out" out
like "the first line" "$(sed -n 1p "$tmp/err")" '^quietbench: NOT CONDITIONED: .*; to change that: '
is "it names doctor's command" "$(sed -n '1s/.*; to change that: //p' "$tmp/err")" \
	"$($user "$qb" doctor --json | jq -r .privilege.command)"
like "the profile and the CPU" "$err" '^quietbench: (vm|default).*: benchmark on CPU [0-9]+, '
like "the result" "$err" '^quietbench: (quiet|NOISY|unknown): [0-9.]+ m?s, status 3'
is "every other line is the command's" "$(grep -v '^quietbench: ' "$tmp/err")" err
run run --no-check -q -- sh -c 'exit 3'
is "-q says nothing" "$err" ""
is "-q keeps the status" "$status" 3
run run --no-check -- sh -c 'kill -9 $$'
is "128+N" "$status" 137
like "the signal is named" "$err" 'ended by signal 9 \(Killed\)'

run run --no-check -- no-such-command
is "not found: status" "$status" 127
is "not found: says" "$err" "quietbench: no-such-command: command not found"
run run --no-check -- ./no/such/command
is "no such path: status" "$status" 127
run run --no-check -- "$tmp/home"
is "a folder: status" "$status" 126
echo '#!/bin/sh' >plain && chmod 644 plain
run run --no-check -- ./plain
is "not executable: status" "$status" 126
is "not executable: says" "$err" "quietbench: ./plain: Permission denied"
printf '#!/no/such/interpreter\n' >orphan && chmod 755 orphan
run run --no-check -q -- ./orphan
is "no interpreter: status" "$status" 127
printf 'echo "script $1"\n' >headless && chmod 755 headless
run run --no-check -q -- ./headless x
is "a script without #!" "$out" "script x"

run run --no-check --require all -- touch ran
is "--require: status" "$status" 125
like "--require: says why" "$err" '^quietbench: levers are required, and the host cannot be conditioned'
run run --no-check -s 'require=[cpus.isolation]' -- touch ran
is "a profile's require: status" "$status" 125
run run --no-check -p no-such-profile -- touch ran
is "no such profile: status" "$status" 125
run run --no-check -o no/such/folder/record -- touch ran
is "no place for the record: status" "$status" 125
run run --no-check -s frequency.turbo=perhaps -- touch ran
is "a wrong value: status" "$status" 125
ok "none of them ran the command" [ ! -e ran ]

# ---- the caller's own profiles ----
mkdir -p .config/quietbench/profiles
printf 'version: 1\nname: mine\ndescription: Mine.\nextends: parent\n' >.config/quietbench/profiles/mine.yaml
printf 'version: 1\nname: parent\ndescription: Parent.\nextends: minimal\n' >.config/quietbench/profiles/parent.yaml
cp .config/quietbench/profiles/mine.yaml file.yaml
run run --no-check -p mine -- true
like "an own profile by name, with its parents" "$err" '^quietbench: mine.*: benchmark on CPU'
run run --no-check -p ./file.yaml -- true
like "an own profile by path" "$err" '^quietbench: mine.*: benchmark on CPU'
mkfifo fifo
head -c 70000 /dev/zero >large.yaml
# bad FILE TEXT: not a profile, for this reason
bad() {
	run run --no-check -p "$1" -- true
	is "-p $1: status" "$status" 125
	like "-p $1: says" "$err" "^quietbench: .*$2"
}
bad ./fifo 'not a regular file'
bad /dev/zero 'not a regular file'
bad "$tmp/home" 'is a folder'
bad ./absent.yaml 'No such file'
bad ./large.yaml 'larger than 64 KiB'

# ---- what the command finds: everything as the caller left it ----
# same NAME SETUP COMMAND...: after SETUP (perl), run by quietbench or not, it prints the same
same() {
	name=$1
	setup=$2
	shift 2
	$user perl -e "$setup; exec { \$ARGV[0] } @ARGV or die" "$@" >"$tmp/bare" 2>&1 </dev/null
	$user perl -e "$setup; exec { \$ARGV[0] } @ARGV or die" "$qb" run --no-check -q -- "$@" >"$tmp/wrapped" 2>&1 </dev/null
	ok "the same $name" cmp "$tmp/bare" "$tmp/wrapped"
	ok "the same $name: there is something to compare" [ -s "$tmp/bare" ]
}
same "folder" 'chdir "/proc"' pwd
same "limits" '' prlimit
same "umask" 'umask 0123' sh -c umask
same "process group, session and terminal" '' cut '-d ' -f5-8 /proc/self/stat
same "identity" '' grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status
same "nice value and policy" '' cut '-d ' -f18,19,40,41 /proc/self/stat
same "signals" '' grep '^Sig[BIC]' /proc/self/status
same "signals when some are ignored" '$SIG{CHLD} = $SIG{INT} = $SIG{PIPE} = $SIG{TSTP} = "IGNORE"' \
	grep '^Sig[BIC]' /proc/self/status
same "signals when some are blocked" \
	'use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGUSR1, SIGCHLD))' \
	grep '^Sig[BIC]' /proc/self/status
same "environment" '' env -0
same "environment of odd variables" '%ENV = (PATH => $ENV{PATH}, "a b" => "\xff\n\x01", E => "", "q\x27" => "=\$x")' env -0
same "empty environment" '%ENV = ()' /usr/bin/wc -c /proc/self/environ
same "descriptors" '' ls /proc/self/fd
same "descriptors when more are open" \
	'use POSIX; POSIX::dup2(POSIX::open("/dev/full"), 7); POSIX::dup2(7, 300)' \
	sh -c 'ls /proc/self/fd; readlink /proc/self/fd/7 /proc/self/fd/300'
same "descriptors when standard input is closed" 'use POSIX; POSIX::close(0)' ls /proc/self/fd
same "descriptors when standard error is closed" 'use POSIX; POSIX::close(2)' ls /proc/self/fd
is "a closed standard output" "$($user "$qb" run --no-check -q -- true >&-; echo $?)" 0
run run --no-check -q -- sh -c 'cat /proc/$PPID/comm'
is "a child of quietbench's" "$out" quietbench

# ---- what it does not: its CPU, and levers of its own process ----
run run --no-check -q -c 0 -- grep '^Cpus_allowed_list' /proc/self/status
like "process.pin" "$out" '[[:space:]]0$'
run run --no-check -q -s process.aslr=false -- cat /proc/self/personality
is "process.aslr" "$out" 00040000
run run --no-check -q -s process.nice=5 -- nice
is "process.nice" "$out" 5
run run --no-check -s process.nice=-5 -- nice
is "a negative nice is the kernel's to refuse: the command runs" "$out" 0
like "a negative nice is the kernel's to refuse: says" "$err" '^quietbench: process.nice: cannot be set to -5: '

# ---- programs that count the CPUs they may run on ----
cat >omp.c <<'END'
#include <omp.h>
#include <stdio.h>

int main(void)
{
	int n = 0;

#pragma omp parallel
#pragma omp master
	n = omp_get_num_threads();
	printf("%d\n", n);
	return 0;
}
END
gcc -O1 -fopenmp -o omp omp.c && chmod 755 omp
run run --no-check -q -n 1 -- ./omp
is "OpenMP: one CPU, one thread" "$out" 1
run run --no-check -q -n all -- sh -c '[ "$(./omp)" = "$(nproc)" ]'
is "OpenMP: as many threads as CPUs" "$status" 0
run run --no-check -q -n 1 -- env OMP_NUM_THREADS=3 ./omp
is "OpenMP: as many threads as it is told" "$out" 3
run run --no-check -n 1 -- ./omp
like "how many CPUs programs will see" "$err" "$([ "$(nproc)" = 1 ] && echo . || echo 'programs will see 1 CPU')"

# ---- the record ----
run run --no-check -q -o record.json -- sh -c 'exit 4'
is "-o: the command's status" "$status" 4
is "-o: it tells" "$(jq -c '[.schema, .conditioned, .runs[0].exit.code, .runs[0].exit.signal, .runs[0].verdict, .restore]' record.json)" \
	'["quietbench/record/1","none",4,null,"unknown",null]'
is "-o: the command" "$(jq -c '.runs[0].command' record.json)" '["sh","-c","exit 4"]'
is "-o: nothing else is left" "$(ls -A | grep -c record)" 1
is "-o: the caller's" "$(stat -c %u record.json)" "$($user id -u)"

run run --no-check --timeline -- true
is "--timeline without a record: status" "$status" 125
like "--timeline without a record: what to do" "$err" '^quietbench: run: --timeline is for the record: -o FILE$'
# Two that share one CPU: it is under pressure all the time.
last=$(($(nproc) - 1))
# softirqs: what the kernel has counted on that CPU, by source
softirqs() {
	awk -v cpu="CPU$last" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == cpu) column = i + 1; next }
		{ printf "%s\"%s\":%s", NR == 2 ? "{" : ",", substr($1, 1, length($1) - 1), $column } END { print "}" }' /proc/softirqs
}
before=$(softirqs)
run run --no-check -q --timeline -o timeline.json -c "$last" -s process.pin=true -- \
	sh -c 'timeout 0.5 sh -c "while :; do :; done" & timeout 0.5 sh -c "while :; do :; done"; wait'
after=$(softirqs)
is "--timeline: every 100 ms" "$(jq -c '.runs[0].timeline | [.interval_ns, (.samples | length) >= 3]' timeline.json)" '[100000000,true]'
# pairs FILTER: whether it holds for all values $a and $b of one sum in samples that follow each other
pairs() {
	jq -c ".runs[0].timeline.samples as \$s | [range(1; \$s | length) as \$i | \$s[\$i] | paths(numbers) as \$sum
		| (\$s[\$i - 1] | getpath(\$sum)) as \$a | getpath(\$sum) as \$b | $1] | length > 4 and all" timeline.json
}
is "--timeline: sums only grow" "$(pairs '$b >= $a')" true
is "--timeline: time goes on by 100 ms" "$(pairs 'if $sum == ["at_ns"] then $b - $a > 50000000 else true end')" true
if [ -r /proc/pressure/cpu ]; then
	is "--timeline: they are sums: most of the whole is in the last one" \
		"$(jq '.runs[0] | .timeline.samples[-1].pressure_us.cpu / .counters.pressure_us.cpu | . > 0.5 and . <= 1' timeline.json)" true
fi
is "a record: interrupts by source: each a name and a number" \
	"$(jq '.runs[0].counters.interrupts | length > 0 and all(to_entries[]; .key != "" and .value > 0)' timeline.json)" true
is "a record: softirqs by source: what the kernel counted on that CPU meanwhile, no more" \
	"$(jq -c --argjson a "$before" --argjson b "$after" '.runs[0].counters.softirqs
		| [length > 0, (to_entries[] | select((.value >= 1 and .value <= $b[.key] - $a[.key]) | not))]' timeline.json)" '[true]'
finish
