#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check on this machine: a document and a text, the statuses, and somebody who disturbs is named. Nothing of the
# machine is changed. The bounds are wide: other tests run here at the same time.
. "$(dirname "$0")/lib.sh"

last=$(($(nproc) - 1))
"$qb" check -c "$last" --duration 1s --json >"$tmp/check.json" 2>"$tmp/err"
status=$?
is "a document" "$(jq -c '[.schema, .duration_ns]' "$tmp/check.json")" '["quietbench/check/1",1000000000]'
is "its status goes with its verdict" "$status" "$(jq 'if .verdict == "quiet" then 0 else 1 end' "$tmp/check.json")"
is "every metric is there" "$(jq -c '.metrics | keys_unsorted' "$tmp/check.json")" '["preempted","gaps","speed","steal","longest"]'
is "every metric has a verdict" "$(jq -c '[.metrics[].verdict | . == ("quiet", "noisy", "undecided", "unknown")] | map(select(.)) | length' "$tmp/check.json")" 5
is "noisy is what has a noisy metric or a hard reason" \
	"$(jq '.verdict == "noisy"' "$tmp/check.json")" "$(jq '[.metrics[].verdict == "noisy"] + [.hard[] | true] | any' "$tmp/check.json")"
is "the CPU that was asked for" "$(jq -r '[.cpus, (.of[0].cpu | tostring)] | unique | join(" ")' "$tmp/check.json")" "$last"
is "the shares are shares" "$(jq '[.of[0].preempted, .of[0].interrupted] | all(. >= 0 and . <= 1)' "$tmp/check.json")" true
is "what is worth knowing: found, or why not" \
	"$(jq -c '.findings | [length > 0, (.[] | select((.available and .text and .advice or (.available | not) and .reason) | not))]' "$tmp/check.json")" '[true]'
is "windows of 100 ms" "$(jq .metrics.gaps.windows "$tmp/check.json")" 10

cp /bin/sh "$tmp/disturber" && "$tmp/disturber" -c "echo \$\$ >$tmp/pid; while :; do :; done" &
until [ -s "$tmp/pid" ]; do sleep 0.05; done
taskset -cp "$last" "$(cat "$tmp/pid")" >/dev/null
"$qb" check -c "$last" --duration 2s --limits ci --json >"$tmp/loud.json" 2>"$tmp/err"
is "disturbed: noisy" "$?" 1
is "disturbed: preemption is the cause" "$(jq -r .metrics.preempted.verdict "$tmp/loud.json")" noisy
is "disturbed: who did it" \
	"$(jq '[.of[0].causes[] | select(.name | startswith("disturber (pid ")) | .share] | length == 1 and .[0] > 0.05' "$tmp/loud.json")" true
"$qb" check -c "$last" --quick >"$tmp/loud" 2>"$tmp/err"
is "disturbed: in words, too: status" "$?" 1
like "disturbed: in words, too" "$(cat "$tmp/loud")" '^noisy: CPU [0-9]+, 3.0 s: preempted [0-9.]+ % \(above '
like "disturbed: with a name" "$(cat "$tmp/loud")" 'disturber \(pid [0-9]+\)'
is "disturbed: what is worth knowing is told as well" "$(grep -c '^worth knowing on this host$' "$tmp/loud")" \
	"$(jq '[.findings[] | select(.available)] | if length > 0 then 1 else 0 end' "$tmp/check.json")"
"$qb" run --no-check -p base -s cpus.isolation=none -s process.pin=true -c "$last" --fail-noisy -o "$tmp/run.json" -- \
	sh -c 'i=0; while [ $i -lt 400000 ]; do i=$((i + 1)); done' 2>"$tmp/err"
is "a run beside it: --fail-noisy" "$?" 123
is "a run beside it: the record says so" "$(jq -r '.runs[0].verdict' "$tmp/run.json")" noisy
like "a run beside it: and who" "$(jq -r '.runs[0].reasons[]' "$tmp/run.json")" \
	"(^|, )disturber \\(pid $(cat "$tmp/pid")\\) ran [0-9]+ times?, [0-9.]+ ms"
kill "$(cat "$tmp/pid")"

run check --conditioned --duration 1s
is "--conditioned without privilege: status" "$status" 3
like "--conditioned without privilege: says" "$err" '^quietbench: check: --conditioned needs privilege: no privilege$'
is "--conditioned without privilege: nothing is measured" "$out" ""
# What is called the tick's is judged by the kernel's own trace of it, where there is one: tracefs in a mount namespace
# that nobody else sees. A gap is the handler, softirqs, and the way there and back, in a guest through the hypervisor.
traced='mount -t tracefs tracefs /sys/kernel/tracing'
if [ "$(uname -m)" = x86_64 ] && unshare -m sh -c "$traced" 2>/dev/null; then
	unshare -m sh -c "$traced && exec '$qb' check -c $last --duration 3s --trace --json" >"$tmp/traced.json" 2>"$tmp/err"
	is "traced: the tick's gaps are its own" "$(jq -c '.of[0] | [.causes[] | select(.cause == "tick" and .typical_us)][0] as $tick
		| [.traced.interrupts[] | select(.name == "timer interrupt")][0] as $timer | ($timer.ns / $timer.times / 1000) as $us
		| if $tick.typical_us > $us / 4 and $tick.typical_us < $us * 8 and $tick.times <= $timer.times * 1.05 + 2
		then "as traced" else [$tick, $timer] end' "$tmp/traced.json")" '"as traced"'
fi

run check --limits loud
is "limits that there are not: status" "$status" 2
run check -c 8191
is "a CPU that there is not: status" "$status" 3
finish
