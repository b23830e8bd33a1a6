#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Beside the tools that people use: each runs for real on a conditioned host, whatever it does with its own processes, and all
# is put back. (Tools whose figures are compared: tools.t; what takes long, or big packages: tests/full/recipes.t.)
# Alone: its runs have CPUs to themselves.
. "$(dirname "$0")/lib.sh"
# Conditioning is root's.
user=
quiet='-q --no-check -p base -s cpus.isolation=shield -o record.json'
cpus='sed -n s/^Cpus_allowed_list:.//p /proc/self/status'
# recipe NAME PATTERN COMMAND...: what it prints, and that it comes to its end
recipe() {
	tool=$1 wanted=$2
	shift 2
	# shellcheck disable=SC2086
	run run $quiet -- "$@"
	is "$tool: status" "$status" 0
	like "$tool: what it prints" "$out" "$wanted"
	is "$tool: restored" "$(jq -c '.restore | [.complete, .conflicts, .failures]' record.json)" '[true,[],[]]'
}
# shellcheck disable=SC2086
run run $quiet -- $cpus
bench=$out
like "the benchmark's CPU" "$bench" '^[0-9]+$'

# ---- what looks on ----
recipe strace 'exited with 0' strace -f -o /dev/stdout true
recipe "perf record" 'Captured and wrote' sh -c 'perf record -F 99 -g -o perf.data -- sh -c "i=0; while [ \$i -lt 100000 ]; do i=\$((i + 1)); done" 2>&1'
ok "perf record: samples for a flamegraph" [ "$(perf script -i perf.data 2>/dev/null | grep -c '^sh ')" -gt 3 ]
# `profiling` lets those perf who may not otherwise.
run run -q --no-check -p profiling -s cpus.isolation=none -- cat /proc/sys/kernel/perf_event_paranoid
is "the profile profiling: everybody may" "$out" -1

# ---- what starts others ----
echo "all: ; @$cpus" >Makefile
recipe make "^$bench\$" make -s
recipe xargs "^$bench $bench\$" sh -c "printf '%s\n' 1 2 | xargs -P 2 -I NUMBER $cpus | xargs"
recipe "GNU parallel" "^$bench $bench $bench\$" sh -c "parallel -j 2 -N0 $cpus ::: 1 2 3 | xargs"
# A notebook's kernel: a parent that stays, a session of its own, its own streams.
recipe "a notebook's kernel" "^$bench\$" /usr/bin/python3 -c "
import subprocess
print(subprocess.Popen('$cpus'.split(), start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, close_fds=True).communicate()[0].decode().strip())"

# ---- what does as it likes with its own process ----
# A CPU that the benchmark does not have is not to be had by taskset either: the tool is told, and tells it.
# shellcheck disable=SC2086
run run $quiet -- taskset -c "$(jq -r '.cpus.housekeeping' record.json)" true
is "an affinity elsewhere: status" "$status" 1
like "an affinity elsewhere: the tool says so" "$err" 'taskset: failed to set pid [0-9]+.s affinity: Invalid argument'
recipe "an affinity within" "^$bench\$" taskset -c "$bench" $cpus
recipe "a session of its own" "^$bench\$" setsid --wait $cpus
recipe "descriptors closed" "^$bench\$" sh -c "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- 0<&-; exec $cpus"
# A daemon that forks twice outlives its command: named and moved back, on any CPU again.
rm -f go daemon
# shellcheck disable=SC2086
run run --no-check -p base -s cpus.isolation=shield -- sh -c 'setsid sh -c "sh -c \"until [ -e go ]; do sleep 0.1; done; grep Cpus_allowed_list /proc/self/status >daemon.new; mv daemon.new daemon\" >/dev/null 2>&1 &" &
wait'
is "a daemon: status" "$status" 0
like "a daemon: named" "$err" '^quietbench: still running after the command, moved back: .*sh \([0-9]+\)'
touch go
i=0
until [ -e daemon ] || [ $i = 100 ]; do i=$((i + 1)) && sleep 0.1; done
is "a daemon: moved back" "$(sed 's/.*:\t//' daemon)" "$($cpus)"
# tmux's server is a daemon as well, and has the CPUs that it was begun with.
recipe tmux "^$bench\$" sh -c "tmux -L quietbench-$$ -f /dev/null new-session -d '$cpus >tmux.new; mv tmux.new tmux.out'; until [ -e tmux.out ]; do sleep 0.1; done; cat tmux.out"

# ---- what is loaded into it ----
for allocator in jemalloc mimalloc; do
	for library in /usr/lib/*/lib$allocator.so.2; do
		LD_PRELOAD=$library recipe "$allocator" "lib$allocator" cat /proc/self/maps
	done
done
cat >openmp.c <<'EOF'
#include <omp.h>
#include <stdio.h>
int main(void) { printf("%d threads\n", omp_get_max_threads()); }
EOF
gcc -fopenmp -o openmp openmp.c || exit 1
recipe OpenMP '^1 threads$' ./openmp
# shellcheck disable=SC2086
OMP_PROC_BIND=true OMP_PLACES=cores recipe "OpenMP, bound" '^1 threads$' ./openmp

# ---- the wrong way round ----
for around in "hyperfine -N --runs 2 --output inherit" "hyperfine --runs 2 --output inherit" "perf stat"; do
	command=$([ "${around%% *}" = perf ] && echo "$around $qb run --no-check -p base -- true" || echo)
	# shellcheck disable=SC2086
	if [ -n "$command" ]; then $command >around 2>&1; else $around "$qb run --no-check -p base -- true" >around 2>&1; fi
	like "$around: the first line warns" "$(grep -m 1 '^quietbench: ' around)" "^quietbench: ${around%% *} measures quietbench here, not the command alone; the other way round: quietbench run -- ${around%% *} \.\.\.\$"
done
run run --no-check -p base -- hyperfine -N --runs 2 --style none true
is "hyperfine inside: no such line" "$(printf '%s' "$err" | grep -c 'measures quietbench')" 0
finish
