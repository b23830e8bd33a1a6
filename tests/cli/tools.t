#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The tools people use, each run for real under compare, and its own output read: Google Benchmark, hyperfine, perf stat.
# (Criterion.rs takes minutes to build: tests/full/criterion.t. pyperf's form is tests/unit/cli/figures_read.c's: Debian has none.) The second command does twice the work of the first.
. "$(dirname "$0")/lib.sh"

# twice NAME ARG...: the second is found to take about twice as long
twice() {
	tool=$1
	shift
	run compare -q --no-check -r 24 --json "$@"
	is "$tool: status" "$status" 0
	is "$tool: what is claimed" "$(printf '%s' "$out" | jq -r '[.experiment.figures[].differences[].claim] | unique | join(" ")')" more
	ok "$tool: and how much" [ "$(printf '%s' "$out" | jq '[.experiment.figures[].differences[].interval.ratio | . > 1.3 and . < 3] | all')" = true ]
}

cat >google.cc <<'EOF'
#include <benchmark/benchmark.h>
static void BM_add(benchmark::State &state)
{
	for (auto _ : state)
		for (int i = 0; i < N * state.range(0); i++)
			benchmark::DoNotOptimize(i);
}
BENCHMARK(BM_add)->Arg(1)->Arg(2);
BENCHMARK_MAIN();
EOF
for n in 5000 10000; do
	g++ -O1 -DN=$n google.cc -o "google-$n" -lbenchmark -lpthread || exit 1
done
google='--benchmark_format=json --benchmark_min_time=0.005'
twice "Google Benchmark" --measure google "./google-5000 $google" "./google-10000 $google"
is "Google Benchmark: a row each" "$(printf '%s' "$out" | jq -r '[.experiment.figures[].name] | join(" ")')" "BM_add/1 BM_add/2"
twice "its medians" --measure google "./google-5000 $google --benchmark_repetitions=3" "./google-10000 $google --benchmark_repetitions=3"

hyperfine='hyperfine -N --style none --runs 3 --export-json times.json'
twice hyperfine --measure hyperfine:times.json "$hyperfine 'sleep 0.02'" "$hyperfine 'sleep 0.04'"
run compare -q --no-check -r 7 --measure hyperfine:times.json "$hyperfine 'sleep 0.001'" true
is "a file of an earlier run: status" "$status" 3
like "a file of an earlier run" "$err" '^quietbench: run [0-9]+ \(B\): times\.json is older than the run: the command did not write it$'

# Who may count is the host's to say: here root.
user=
stat='perf stat -x, -e task-clock --'
twice "perf stat" -p base -s cpus.isolation=none --measure perf:task-clock "$stat ./google-5000 --benchmark_min_time=0.02 --benchmark_filter=/1" \
	"$stat ./google-5000 --benchmark_min_time=0.04 --benchmark_filter=/1"
finish
