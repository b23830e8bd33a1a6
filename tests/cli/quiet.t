#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing of quietbench's runs on the benchmark's CPU while the benchmark does: counted by a log of all switches there that
# knows nothing of quietbench. Nobody is kept off that CPU here, so it is quietbench's own restraint that counts.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
last=$(($(nproc) - 1))
cat >"$tmp/home/benchmark" <<'EOF'
use strict; use warnings; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my $begin = clock_gettime(CLOCK_MONOTONIC);
1 while clock_gettime(CLOCK_MONOTONIC) < $begin + 2.3; # the watch looks twice meanwhile, the timeline 22 times
printf "%d %.0f %.0f\n", $$, 1e9 * $begin, 1e9 * clock_gettime(CLOCK_MONOTONIC);
EOF
mkfifo "$tmp/stop"

# begin_log, end_log: all stays on that CPU in between, in $tmp/log
begin_log() {
	taskset -c 0 "$build/tests/switchlog" "$last" <"$tmp/stop" >"$tmp/log" &
	log=$!
	exec 3>"$tmp/stop"
	until grep -q ready "$tmp/log"; do sleep 0.05; done
}
end_log() {
	exec 3>&-
	wait $log
}
# counted WHAT COMMAND...: runs it beside the log, and judges what the log has of the time that the benchmark tells
counted() {
	what=$1
	shift
	begin_log
	"$@" >"$tmp/times" 2>"$tmp/err" &
	run=$!
	# Whoever runs our copies of the programs, at any time; other tests have theirs. Before its exec the benchmark is one.
	: >"$tmp/ours"
	while kill -0 $run 2>/dev/null; do
		pgrep -f "$tmp/build/quietbench" >>"$tmp/ours"
		sleep 0.1
	done
	wait $run
	ended=$?
	is "$what: status" "$ended" 0
	[ "$ended" = 0 ] || sed 's/^/# /' "$tmp/err"
	end_log
	read -r benchmark begin end <"$tmp/times"
	is "$what: the log is complete" "$(tail -n 1 "$tmp/log")" 'lost 0'
	awk -v b="$begin" -v e="$end" 'NF >= 5 && $1 < e && $2 > b { print $3, $5 }' "$tmp/log" >"$tmp/stays"
	ok "$what: the log has the benchmark" grep -q "^$benchmark " "$tmp/stays"
	ok "$what: we know who is ours" [ -s "$tmp/ours" ]
	is "$what: and nobody of ours was there" "$(awk -v b="$benchmark" 'NR == FNR { ours[$1]; next } $1 in ours && $1 != b' "$tmp/ours" "$tmp/stays")" ""
}

here="-c $last -p base -s cpus.isolation=none -s process.pin=true"
counted "as root" "$qb" run --no-check $here -- perl benchmark
counted "as root, with a timeline" "$qb" run --no-check --timeline -o record.json $here -- perl benchmark
counted "after a preflight" "$qb" run -s check.duration=200ms $here -- perl benchmark
counted "without privilege" $user "$qb" run --no-check --timeline -o "$tmp/home/record" -c "$last" -- perl benchmark

begin_log
"$qb" check -c "$last" --duration 200ms >"$tmp/out" 2>&1
ended=$?
end_log
is "check ends with a verdict" "$((ended == 0 || ended == 1))" 1
[ "$ended" -le 1 ] || sed "s/^/# $ended: /" "$tmp/out"
ok "the log would have it: check measures there" [ "$(awk '{ print $5 }' "$tmp/log" | grep -c '^quietbench')" -gt 0 ]
finish
