#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# compare, with commands whose figures are known: they print what is measured. So every claim is certain, however lively
# this machine is. What times really are is for the VMs and make bench-evidence.
. "$(dirname "$0")/lib.sh"

# bench NAME BASE [STEP STATUS]: prints BASE plus 0 to 9 us, by the count of its runs; every STEPth run prints nothing of the kind
cat >bench <<'EOF'
n=$(($(cat "count-$1" 2>/dev/null || echo 0) + 1))
echo "$n" >"count-$1"
[ -z "${3:-}" ] || [ $((n % $3)) != 0 ] || exit "${4:-0}"
echo "took $(($2 + n * 7 % 10)).0 us"
EOF
# The same, but its runs differ from those of bench.
sed 's/n \* 7/n * 3/' bench >other
# compare ARG...: from a clean start
compare() {
	rm -f count-*
	run compare --no-check -q "$@"
}
measure='regex:took ([0-9.]+ us)'

# ---- what cannot be asked ----
# refused NAME PATTERN ARG...
refused() {
	refused=$1 pattern=$2
	shift 2
	compare "$@"
	is "$refused: status" "$status" 2
	like "$refused" "$err" "^quietbench: compare: $pattern"
}
refused "no command" "no commands given: quietbench compare 'CMD A' 'CMD B'$"
refused "one command" 'one command only: name a second one, or compare it with itself: --self$' true
refused "itself and another" '--self compares one command with itself' --self true false
refused "no such command" 'nosuch: command not found$' true nosuch
refused "an empty command" 'an empty command$' true ' '
refused "a pipe without a shell" 'true \| false: it holds \| & ; .*; --shell gives it to sh -c$' true 'true | false'
refused "a quote that does not end" "true 'a: a quote or bracket does not end$" true "true 'a"
refused "a command in a command" 'echo .*: it holds a command in \$\( \)' true 'echo $(id)'
refused "a variable that is not set" '.*: it names a variable that is not set$' true 'echo $NOT_SET_HERE'
refused "so many and at most so many" '-r says exactly how many runs: --time and --max-runs say at most$' -r 10 --time 1s true true
refused "more is better, of times" '--higher-is-better is for a --measure: of times less is better$' --higher-is-better true true
refused "an unknown measure" '--measure foo: expected one of time, regex:PATTERN, json:POINTER,' --measure foo true true
refused "a measure without what it needs" '--measure json: expected json:POINTER$' --measure json true true
refused "a pattern without a group" '--measure regex:x: put the number into a group' --measure regex:x true true
refused "a pattern that is none" '--measure regex:\(: ' --measure 'regex:(' true true
refused "a parameter without values" '--parameter x: expected NAME=a,b,c' --parameter x 'sleep {x}'
refused "itself, by a parameter" '--self compares one command with itself: no --parameter$' --self --parameter x=1,2 'sleep {x}'
refused "too many runs" '--max-runs: expected a number from 10 to 405' --max-runs 406 true true
refused "two writers of standard output" '--json and --show-output both write to standard output' --json --show-output true true
refused "a parameter that no command has" "--parameter n=1,2: there is no \{n\} in: echo x$" --parameter n=1,2 'echo x'
compare -o both --markdown both true true
is "two files of one name: status" "$status" 125
like "two files of one name" "$err" '^quietbench: both is to hold two things: name another file for --markdown$'
compare -o /nosuch/record true true
is "a record that cannot be written: status" "$status" 125
like "a record that cannot be written" "$err" '^quietbench: cannot write the record to /nosuch/record: '
compare --markdown /nosuch/x true true
is "a file that cannot be written: status" "$status" 125
like "a file that cannot be written" "$err" '^quietbench: cannot write /nosuch/x: '

# ---- claims ----
a='sh bench a 1000' b='sh bench b 1050'
compare --measure "$measure" "$a" "$b"
is "slower: status" "$status" 0
like "slower" "$out" '^B is [45]\.[0-9]+ % slower than A \[[45]\.[0-9]+ %, [45]\.[0-9]+ %\]$'
like "decided at the first look" "$out" '^   10 pairs, 1 look, at most [0-9]+ pairs; seed [0-9]+$'
like "described" "$out" '^   median 1\.00[0-9] ms \[1\.00[0-9], 1\.00[0-9]\], MNAD 0\.[0-9]+ %, 1\.000 to 1\.009; 10 runs$'
compare --measure "$measure" "$b" "$a"
like "faster" "$out" '^B is [45]\.[0-9]+ % faster than A \[4\.[0-9]+ %, [45]\.[0-9]+ %\]$'
compare --measure "$measure" --higher-is-better --fail-slower 1% "$b" "$a"
is "more is better: status" "$status" 1
compare --self --seed 7 --measure "$measure" "$a" # by the coins of another seed it is claimed once in many
like "the same, twice" "$out" '^no difference above 1\.0+ % between A and B: '
compare --measure "$measure" -r 3 "$a" "$b"
is "too few: status" "$status" 0
like "too few" "$out" '^no claim: 3 rounds are too few \(-r 6 or more\)'
compare --measure "$measure" -r 6 --precision 0.0001% "$a" 'sh other c 1000'
like "undecided" "$out" '^undecided: B against A .* after 6 runs each; if there is no difference, about [0-9]+ would show it'
compare --measure "$measure" --min-effect 10% --max-runs 10 "$a" "$b"
like "too small to matter" "$out" '^undecided: '

compare --measure "$measure" --fail-slower 2% "$a" "$b"
is "slower by more: status" "$status" 1
compare --measure "$measure" --fail-slower 20% "$a" "$b"
is "slower, but not by more: status" "$status" 0
compare --measure "$measure" --fail-slower 2% "$b" "$a"
is "faster: status" "$status" 0
compare --measure "$measure" --fail-slower 4.98% --max-runs 10 "$a" "$b"
is "slower by about that: status" "$status" 4
compare --measure "$measure" --fail-slower 2% -r 4 "$a" "$a"
is "too few to tell: status" "$status" 4

# ---- order, warm-ups, what is around a run ----
compare --measure "$measure" --seed 42 -r 12 --export-csv first.csv "$a" "$b"
compare --measure "$measure" --seed 42 -r 12 --export-csv second.csv "$a" "$b"
ok "the same seed, the same order" [ "$(cut -d, -f1,2 first.csv)" = "$(cut -d, -f1,2 second.csv)" ]
is "each once a round" "$(grep ',0,0,' first.csv | cut -d, -f1,2 | sort -u | wc -l)" 24
is "and both orders" "$(grep ',0,0,' first.csv | awk -F, 'NR % 2 {print $1}' | sort -u | tr -d '\n')" AB
is "a warm-up of each, which does not count" "$(cut -d, -f1,3 first.csv | grep -c ',1$')" 2
compare --measure "$measure" -w 0 -r 6 "$a" "$b"
is "no warm-up" "$(cat count-a)" 6
compare -r 6 --prepare 'echo p >>around' --cleanup 'echo c >>around' "$a" "$b"
is "prepare and cleanup, for each run" "$(sort around | uniq -c | tr -d ' \n')" 14c14p
compare -r 6 --prepare 'exit 3' "$a" "$b"
is "prepare fails: status" "$status" 125
like "prepare fails" "$err" '^quietbench: --prepare failed with status 3: exit 3$'
compare -r 6 --parameter n=1000,1050,1100 --measure "$measure" 'sh bench {n} {n}'
like "a parameter: each value" "$out" '^C: sh bench 1100 1100$'
like "and against the first" "$out" '^C is (9|10)\.[0-9]+ % slower than A |^no claim: 6 rounds are too few \(-r 7 or more\)'
compare -r 7 --parameter n=1000,1100 --measure "$measure" 'sh bench {n} {n}'
like "and two of them" "$out" '^B is (9|10)\.[0-9]+ % slower than A '
compare -r 6 --shell 'true && true' 'true; true'
is "with a shell" "$status" 0
compare -r 6 "$a" "$b"
is "what they print is hidden" "$(printf '%s\n' "$out" | grep -c took)" 0
compare -r 6 --show-output "$a" "$b"
is "or shown" "$(printf '%s\n' "$out" | grep -c took)" 14
compare -r 6 --show-output --measure "$measure" "$a" "$b"
is "or shown and read" "$(printf '%s\n' "$out" | grep -c took)" 14
like "and compared" "$out" '^B is [45]\.[0-9]+ % slower than A '
# What cleanup takes away was read before.
compare -r 6 --measure google:left --cleanup 'rm left' --shell 'echo "{\"benchmarks\": [{\"name\": \"x\", \"real_time\": 7, \"time_unit\": \"ns\"}]}" >left' 'echo "{\"benchmarks\": [{\"name\": \"x\", \"real_time\": 8, \"time_unit\": \"ns\"}]}" >left'
is "a file that cleanup removes: status" "$status" 0

# ---- what goes wrong ----
compare --measure "$measure" -o failed.json --export-csv failed.csv "$a" 'sh bench b 1050 5 7'
is "a command that fails in the middle: status" "$status" 3
like "a command that fails in the middle" "$err" '^quietbench: run [0-9]+ \(B\) exited with 7, after 4 that succeeded$'
like "nothing of what was measured is lost" "$out" '^no claim: after 3 pairs it is too early'
is "nor from the record, where the last run is the one that failed" "$(jq -c '[(.runs | length >= 9), .runs[-1].program, .runs[-1].exit.code]' failed.json)" '[true,"B",7]'
ok "nor from the table of runs" [ "$(wc -l <failed.csv)" -ge 9 ]
compare --measure "$measure" "$a" 'sh bench b 1050 5'
is "a run without a figure: status" "$status" 3
like "a run without a figure" "$err" '^quietbench: run [0-9]+ \(B\): regex:.* matches nothing of what the command printed$'
compare --measure "$measure" 'sh bench a 1' 'echo took 0 us'
is "it takes no time: status" "$status" 3
like "it takes no time" "$err" '^quietbench: run 2 \(B\): the figure is 0: only positive figures can be compared$'
compare --measure json:/x true true
like "it prints nothing" "$err" '^quietbench: run 1 \([AB]\): the command printed nothing$'
compare --measure json:/x --shell "echo '{\"x\": 1e-300}'" "echo '{\"x\": 1e-300}'"
like "next to nothing" "$err" 'the figure is 1e-300: only positive figures can be compared, from 1e-100 to 1e100$'
compare --measure json:/x -r 6 --shell "echo '{\"x\": 1e-90}'" "echo '{\"x\": 1e90}'"
like "nothing in common" "$out" '^B is 1e\+182 % higher than A '
compare --measure 'regex:([0-9]+ ?[a-zA-Z]*)' -w 0 --shell 'echo 1 ms' 'echo 2'
like "with a unit and without" "$err" 'its figures have (no unit, those before had the unit s|the unit s, those before had none)$'
compare --measure google --shell "echo '{\"benchmarks\": [7]}'" "echo '{\"benchmarks\": [7]}'"
like "what is no benchmark" "$err" 'google: a benchmark without a name has no real_time: $'
compare --shell "$(printf 'true; true \033[31m')" true
is "a command that a terminal would obey" "$(printf '%s' "$out" | tr -d '\n[:print:]' | wc -c)" 0
for way in '' --json; do # with --fail-slower 1 is an answer
	$user "$qb" compare --no-check -q -r 6 -w 0 --fail-slower 1% $way true true >/dev/full 2>"$tmp/err"
	is "a full disk is no answer: status $way" "$?" 3
	like "a full disk is no answer $way" "$(cat "$tmp/err")" '^quietbench: write to standard output: No space'
done
# What prints without end is ended; what ignores that can write no more.
compare --measure json:/x -o endless.json yes yes
is "endless output: status" "$status" 3
like "endless output" "$err" '^quietbench: run 1 \(A\): the command printed more than 64 MiB on its standard output, which is kept in memory: let it print less'
is "endless output: on record" "$(jq -c '[.runs[] | .exit.signal == 25 or .exit.code == 1]' endless.json)" '[true]'
compare --shell 'yes >&2' true
like "endless complaints" "$err" '^quietbench: run 1 \(A\): the command printed more than 64 MiB on its standard error, '
compare --measure json:/x --shell "trap '' XFSZ; exec yes" true
like "endless output that ignores it" "$err" '^quietbench: run 1 \(A\): the command printed more than 64 MiB on its standard output, '
is "64 MiB are not too long, and the figure at their end is read" "$(
	compare -r 1 -w 0 --measure "$measure" --shell 'head -c 60000000 /dev/zero | tr "\0" x; echo; echo took 7 us' 'echo took 7 us'
	echo "$status $err"
)" "0 "
compare -r 100001 true true
like "more runs than are kept" "$err" '^quietbench: compare: -r, --runs: expected a number from 1 to 100000, not "100001"$'
compare 'sh -c "kill -9 \$\$"' true
like "a command that is killed" "$err" '^quietbench: run 1 \(A\) was killed by signal 9$'
compare 'sh -c "echo first >&2; echo it broke >&2; exit 4"' true
like "its last words" "$err" '^quietbench: run 1 \(A\) exited with 4: it broke$'
rm -f count-*
$user "$qb" compare --no-check -q -o told.json --measure "$measure" --precision 0.0001% --shell "$a; sleep 0.1" "$a; sleep 0.1" >"$tmp/out" 2>"$tmp/err" &
pid=$!
for wait in $(seq 600); do
	count=$(cat count-a 2>/dev/null) # empty while it is written
	[ "${count:-0}" -le 6 ] || break
	sleep 0.05
done
kill -TERM "$pid"
wait "$pid"
is "told to end: status" "$?" 143
like "told to end: what is known so far" "$(cat "$tmp/out")" '^no claim: after [0-9] pairs it is too early'
ok "told to end: on record" [ "$(jq '.runs | length' told.json)" -ge 5 ]

# Before and after a run, too: what is told to end is --prepare, and it is told.
for when in prepare cleanup; do
	rm -f around ended count-*
	$user "$qb" compare --no-check -q --measure "$measure" --$when "trap 'echo yes >ended; exit' TERM; echo >around; sleep 30 & wait; kill \$!" "$a" "$b" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	for wait in $(seq 600); do
		[ ! -e around ] || break
		sleep 0.05
	done
	begun=$(date +%s)
	kill -TERM "$pid"
	wait "$pid"
	is "told to end during --$when: status" "$?" 143
	ok "told to end during --$when: at once" [ "$(($(date +%s) - begun))" -lt 5 ]
	is "told to end during --$when: it is, too" "$(cat ended)" yes
	is "told to end during --$when: and that is no fault" "$(cat "$tmp/err")" ""
done

# ---- several figures ----
cat >suite <<'EOF'
n=$(($(cat "count-$1" 2>/dev/null || echo 0) + 1))
echo "$n" >"count-$1"
cat <<END
{"benchmarks": [
	{"name": "same", "run_type": "iteration", "real_time": $((100 + n % 3)), "cpu_time": 1, "time_unit": "ns"},
	{"name": "worse", "run_type": "iteration", "real_time": $((100 + $2 + n % 3)), "cpu_time": 1, "time_unit": "ns"},
	{"name": "better", "run_type": "iteration", "real_time": $((200 - $2 + n % 3)), "cpu_time": 1, "time_unit": "ns"}]}
END
EOF
compare --measure google -r 12 --json 'sh suite a 0' 'sh suite b 20'
is "several figures: which differ" "$(printf '%s' "$out" | jq -r '[.experiment.figures[] | select(.differences[0].differs) | .name] | join(" ")')" "worse better"
compare --measure google -r 12 'sh suite a 0' 'sh suite b 20'
like "the worst first" "$(printf '%s\n' "$out" | grep -m1 ' -> B: ')" '^\* worse +101\.0 ns -> B: 121\.0 ns +19\.[0-9]+ % slower'
like "how many" "$out" '^2 of 3 figures differ \(\*\): of those that are said to, 5 % are expected not to$'
like "and their mean" "$out" '^geometric mean of B to A over 3 figures: \+[0-9.]+ %$'

cat >lively <<'EOF'
perl -e 'srand; print "{\"benchmarks\": [", join(",", map { sprintf "{\"name\": \"b$_\", \"real_time\": %.6f, \"time_unit\": \"ns\"}", 100 + 10 * rand } 1 .. 40), "]}\n"'
EOF
compare --measure google -r 12 --fail-slower 0.1% 'sh lively' 'sh lively'
ok "several figures, none of which differs: not slower" [ "$status" != 1 ]

# ---- files ----
compare --measure "$measure" -r 12 -o record --export-json hyperfine.json --export-csv runs.csv --markdown comment.md "$a" "$b"
is "files: status" "$status" 0
is "the record: the claim" "$(jq -r '.experiment.figures[0].differences[0].claim' record)" more
is "the record: every run" "$(jq '.runs | length' record)" 26
is "the record: its schema" "$(/usr/bin/python3 -W ignore -m jsonschema -i record "$source/contrib/schema/record.schema.json" 2>&1)" ""
is "as hyperfine has it" "$(jq -r '[.results[] | .command, (.times | length), (.median > 0.0009)] | join(" ")' hyperfine.json)" "$a 12 true $b 12 true"
is "CSV: a line a run" "$(wc -l <runs.csv)" 27
like "Markdown: the claim" "$(cat comment.md)" '^\*\*B is [45]\.[0-9]+ % slower than A'
like "Markdown: a row each" "$(cat comment.md)" '^\| B \| `sh bench b 1050` \| 1\.05[0-9] ms \| 12 \| [0-9]+ \|$'
compare -r 6 --json "$a" "$b"
is "JSON: its schema" "$(printf '%s' "$out" | jq -r .schema)" quietbench/compare/1
finish
