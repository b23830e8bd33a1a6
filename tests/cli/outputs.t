#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What check leaves for others, on this machine: annotations behind the text, a line on stderr for each rule, metrics
# and a record that replace the old ones at once; and what fails at once. That the forms are right is for formats.t.
. "$(dirname "$0")/lib.sh"

last=$(($(nproc) - 1))
mkdir "$tmp/files"
echo old >"$tmp/files/check.prom"
ln "$tmp/files/check.prom" "$tmp/files/old"
(umask 077 && "$qb" check -c "$last" --duration 1s --github -o "$tmp/files/check.json" \
	--prometheus "$tmp/files/check.prom") >"$tmp/out" 2>"$tmp/err"
status=$?
verdict=$(jq -r .check.verdict "$tmp/files/check.json")
is "the record has the verdict" "$status" "$([ "$verdict" = quiet ] && echo 0 || echo 1)"
is "the record: of the host as it is, and of no run" \
	"$(jq -c '[.schema, .conditioned, .levers, .runs, .restore, .cpus.benchmark]' "$tmp/files/check.json")" \
	"[\"quietbench/record/1\",\"none\",[],[],null,\"$last\"]"
ok "the record is what its schema says" /usr/bin/python3 -W ignore -m jsonschema -i "$tmp/files/check.json" \
	"$source/contrib/schema/record.schema.json"
like "the text comes first" "$(head -n 1 "$tmp/out")" "^$verdict: CPU $last, 1.0 s"
is "then nothing but annotations" "$(sed '1,/^::/d; /^::/d' "$tmp/out")" ""
is "an annotation for every line of stderr" "$(grep -c -e '^::error' -e '^::warning title=quietbench%3A undecided' "$tmp/out")" \
	"$(wc -l <"$tmp/err")"
is "a notice when it is quiet" "$(grep -c '^::notice' "$tmp/out")" "$([ "$verdict" = quiet ] && echo 1 || echo 0)"
is "the metrics have the verdict" "$(sed -n 's/^quietbench_check_verdict{verdict="\([a-z]*\)"} 1$/\1/p' "$tmp/files/check.prom")" "$verdict"
is "collectors may read the metrics, whatever the umask" "$(stat -c %a "$tmp/files/check.prom")" 644
is "the old metrics are whole to who had them open" "$(cat "$tmp/files/old")" old
is "nothing else is left" "$(cd "$tmp/files" && echo *)" "check.json check.prom old"

"$qb" check -c "$last" --duration 1s --json >"$tmp/check.json" 2>/dev/null
ok "the answer is what its schema says" /usr/bin/python3 -W ignore -m jsonschema -i "$tmp/check.json" \
	"$source/contrib/schema/check.schema.json"

# Before anything is measured.
run check -c "$last" --prometheus "$tmp/none/check.prom"
is "metrics that cannot be written: status" "$status" 3
like "metrics that cannot be written" "$err" "^quietbench: check: cannot write the metrics to $tmp/none/check.prom: create a file beside it: No such file"
run check -c "$last" -o "$tmp/home"
is "a record that cannot be written" "$status $err" \
	"3 quietbench: check: cannot write the record to $tmp/home: it is not a regular file: name one"

cp /bin/sh "$tmp/disturber" && "$tmp/disturber" -c "echo \$\$ >$tmp/pid; while :; do :; done" &
until [ -s "$tmp/pid" ]; do sleep 0.05; done
taskset -cp "$last" "$(cat "$tmp/pid")" >/dev/null
"$qb" check -c "$last" --duration 2s --limits ci >/dev/null 2>"$tmp/err"
# Another test may disturb more at this moment.
like "disturbed: value, limit, who, what to do" "$(cat "$tmp/err")" \
	'^quietbench: preempted [0-9.]+ % \(limit 0.3 %\): [^ ]+.* \((pid )?[0-9]+( processes)?\): keep it off: '
is "disturbed: -q says nothing" "$("$qb" check -q -c "$last" --duration 2s --limits ci 2>&1 >/dev/null)" ""
kill "$(cat "$tmp/pid")"

# What a benchmark could show here.
"$qb" check -c "$last" --duration 2s --mde 0.0001% --runs 10 --run-time 100ms --json -o "$tmp/mde.json" >"$tmp/detect.json" 2>"$tmp/err"
is "--mde: cannot be shown: status" "$?" 1
is "--mde: what is foretold" "$(jq -c '.detect | [.runs, .run_ns, .pieces, .wanted == 0.000001, (.change > .wanted)]' "$tmp/detect.json")" \
	'[10,100000000,20,true,true]'
is "--mde: in the record, too" "$(jq -c .check.detect "$tmp/mde.json")" "$(jq -c .detect "$tmp/detect.json")"
like "--mde: in words" "$(cat "$tmp/err")" '^quietbench: detectable change [0-9.]+ % with 10 runs of 0.1 s \(limit 0.0001 %.*\): mostly '
run check --duration 1s --runs 20
is "runs that are too long for it: status" "$status" 2
like "runs that are too long for it: said" "$err" '^quietbench: check: --duration 1s is too short to predict runs of 1 s: at least 8 s$'
run check --mde 0%
is "no change at all: status" "$status" 2
run check --run-time 1ms
is "runs too short to be seen: status" "$status" 2

# Hours are made of blocks; one of them here.
run check --soak 1h --quick
is "--soak with what it does not go with: status" "$status" 2
cp /bin/sh "$tmp/glutton" && nice -n -10 "$tmp/glutton" -c "echo \$\$ >$tmp/pid; while :; do :; done" &
until grep -q . "$tmp/pid" && [ "$(cat "/proc/$(cat "$tmp/pid")/comm" 2>/dev/null)" = glutton ]; do sleep 0.05; done
taskset -cp "$last" "$(cat "$tmp/pid")" >/dev/null
"$qb" check -c "$last" --soak 10s --json >"$tmp/soak.json" 2>"$tmp/err"
is "--soak: status" "$?" 1
is "--soak: blocks" "$(jq -c '[.schema, .noisy, [.blocks[] | .verdict]]' "$tmp/soak.json")" '["quietbench/soak/1",1,["noisy"]]'
is "--soak: the cause" "$(jq -c '[.culprits[0] | .name, .blamed, .worst > 0.5]' "$tmp/soak.json")" '["glutton",1,true]'
"$qb" check -c "$last" --soak 1h >"$tmp/soak" 2>"$tmp/err" &
soak=$!
until [ -s "$tmp/soak" ]; do sleep 0.2; done
kill -TERM $soak
wait $soak
is "--soak, interrupted: status" "$?" 143
like "--soak, interrupted: a line for the block" "$(cat "$tmp/soak")" '^20..-..-.. ..:..:..  noisy: CPU '"$last"', 10.0 s: .*: glutton$'
like "--soak, interrupted: what was found" "$(cat "$tmp/soak")" '^noisy: 1 of 1 times 10 s were not quiet \(ended early\)$'
kill "$(cat "$tmp/pid")"

run check --trace --duration 300ms
is "--trace by nobody: status" "$status" 3
like "--trace by nobody: why" "$err" '^quietbench: check: trace interrupts: '
"$qb" check -c "$last" --duration 300ms --json >"$tmp/sources.json" 2>"$tmp/err"
is "sources: one that was not asked" "$(jq -c .sources.trace "$tmp/sources.json")" '{"available":false,"reason":"not asked for (--trace)"}'
is "sources: none is silent without a reason" "$(jq '[.sources[] | .available == (.reason == null)] | all' "$tmp/sources.json")" true

# Somebody moves the measuring thread away: what it measures then is another CPU.
if [ "$last" -gt 0 ]; then
	"$qb" check -c "$last" --duration 60s --json >"$tmp/moved.json" 2>"$tmp/err" &
	check=$!
	until child=$(pgrep -P $check) && loop=$(ls "/proc/$child/task" 2>/dev/null | grep -vx "$child") &&
		taskset -cp "$loop" 2>/dev/null | grep -q ": $last\$"; do
		sleep 0.05
	done
	taskset -cp 0 "$loop" >/dev/null
	wait $check
	is "its thread was moved: noisy" "$? $(jq -r .verdict "$tmp/moved.json")" "1 noisy"
	is "its thread was moved: that is why" "$(jq -c '[.hard[] | .reason]' "$tmp/moved.json")" '["cpuset"]'
	ok "its thread was moved: it ended at once" [ "$(jq .duration_ns "$tmp/moved.json")" -lt 60000000000 ]
	like "its thread was moved: in words" "$(cat "$tmp/err")" \
		"^quietbench: CPU $last was taken from the measurement \(cpuset, affinity\): another program moves tasks "
	ok "its thread was moved: the answer is what its schema says" /usr/bin/python3 -W ignore -m jsonschema \
		-i "$tmp/moved.json" "$source/contrib/schema/check.schema.json"
fi
finish
