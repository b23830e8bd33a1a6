#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run -r, --time, --precision: one command many times in one session; and prove, as a user whom nobody lets condition.
. "$(dirname "$0")/lib.sh"

many() {
	run run --no-check "$@"
}
cat >count <<'EOF'
n=$(($(cat n 2>/dev/null || echo 0) + 1))
echo "$n" >n
echo "run $n"
[ "$n" != "${1:-0}" ] || exit 7
EOF
rm -f n
many -r 8 -- sh count
is "so many: status" "$status" 0
is "so many: each was run, and its output is its own" "$(printf '%s\n' "$out" | tail -1)" "run 8"
like "so many: the summary" "$err" '^quietbench: 8 runs: median [0-9.]+ [mu]?s \[[0-9.]+, [0-9.]+\], MNAD [0-9.]+ %, [0-9.]+ to [0-9.]+$'
like "so many: what they can show" "$err" '^quietbench: as many runs again would show a change of [0-9.]+ % \(8 times in 10\)'
rm -f n
many -r 3 -w 2 -- sh count
is "warm-ups come first" "$(cat n)" 5
like "and do not count; three have no interval" "$err" '^quietbench: 3 runs: median [0-9.]+ [mu]?s, MNAD '
rm -f n
many -r 8 -- sh count 3
is "one fails: status" "$status" 7
is "one fails: it was the last" "$(cat n)" 3
like "one fails: says so" "$err" '^quietbench: run 3 exited with 7: no more runs$'
like "one fails: what was measured is told" "$err" '^quietbench: 3 runs: median'
many -r 2 -- sh -c 'kill -TERM $$'
is "one is killed: status" "$status" 143
many -r 1 -- true
like "one run" "$err" '^quietbench: 1 run: median '
many --time 1s -- sleep 0.1
is "for so long: status" "$status" 0
like "for so long: as many as fit" "$err" '^quietbench: ([2-9]|1[0-9]) runs: '
many --precision 100% -- true
like "until it is known so well: ten at least" "$err" '^quietbench: [1-9][0-9]+ runs: '
many -w 1 -- true
like "a warm-up alone asks for ten runs" "$err" '^quietbench: 10 runs: '
rm -f n
many -r 40 -o record -- sh -c 'n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n >n; [ $n -gt 12 ] || sleep 0.2'
is "a record: every run" "$(jq '[.experiment.kind, (.runs | length), .experiment.figures[0].of[0].runs] | join(" ")' -r record)" "run 40 40"
is "a record: its schema" "$(/usr/bin/python3 -W ignore -m jsonschema -i record "$source/contrib/schema/record.schema.json" 2>&1)" ""
like "warm-up is seen from thirty runs on" "$err" '^quietbench: the first 1[0-9] runs are warm-up, from [0-9.]+ ms to [0-9.]+ [mu]s: -w 1[0-9] leaves them out$'
many -r 2 -- nosuch
is "no such command: status" "$status" 127
many -r 0 -- true
is "none: status" "$status" 125
rm -f around
many -r 3 --prepare 'echo p >>around' --cleanup 'echo c >>around' -q -- true
is "prepare and cleanup" "$(tr -d '\n' <around)" pcpcpc

# ---- prove ----
run prove --no-such-option -- true
is "prove: usage" "$status" 2
run prove
like "prove: no command" "$err" '^quietbench: prove: no command given: '
run prove -r 10 -- true
like "prove: too few" "$err" '^quietbench: prove: -r 10: fewer than 24 runs a side show nothing$'
run prove -r 24 --time 3s -- true
like "prove: so many, and so long" "$err" '^quietbench: prove: -r says how many runs, and --time, too: one of them$'
run prove -q -r 24 --seed 7 -o record -- sleep 0.01
ok "prove: status" [ "$status" -le 1 ]
like "prove: either side" "$out" '^as it is: median [0-9.]+ ms .* 24 runs$'
like "prove: what it bought, or not" "$out" '^(not conditioned: [0-9.]+ times less spread than as it is|not shown to have less spread: )'
like "prove: what could not be conditioned is not called so" "$out" '^not conditioned: median '
like "prove: how" "$out" '^   6 pairs of blocks of 4 runs; seed 7$'
is "prove: the record" "$(jq -r '[.experiment.kind, .experiment.pairs, (.runs | length)] | join(" ")' record)" "prove 6 60"
known=$(jq '[.runs[] | select(.warm_up | not).counters.own_waits_ns] | all(. != null)' record)
is "prove: waiting is told where it is known, and only there" "$(printf '%s\n' "$out" | grep -c '   waited for a CPU for ')" "$([ "$known" = true ] && echo 2 || echo 0)"
is "prove: its schema" "$(/usr/bin/python3 -W ignore -m jsonschema -i record "$source/contrib/schema/record.schema.json" 2>&1)" ""
run prove -q -r 24 -- false
is "prove: a command that fails: status" "$status" 3
like "prove: a command that fails" "$err" '^quietbench: run 1 \((as it is|not conditioned)\) exited with 1$'
run prove -q --json --show-output -- true
is "prove: two writers of standard output" "$status" 2
finish
