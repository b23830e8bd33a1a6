#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Whose process is it? Trees of processes that fork, move between CPUs and die, beside a log of all switches that knows nothing
# of quietbench: nobody of the benchmark's is ever taken for a stranger, and a stranger is named.
# Alone: its runs have CPUs to themselves.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
last=$(($(nproc) - 1))
seed=${QB_SEED:-$(date +%s)}
echo "# QB_SEED=$seed"

# tree SEED ROUNDS FILE: writes the ids of all its processes there
cat >"$tmp/home/tree" <<'EOT'
use strict; use warnings; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my ($seed, $rounds, $file) = @ARGV;
open my $out, '>>', $file or die;
sub burn { my $until = clock_gettime(CLOCK_MONOTONIC) + $_[0]; 1 while clock_gettime(CLOCK_MONOTONIC) < $until }
sub grow {
	my ($depth, $seed) = @_;
	srand $seed;
	syswrite $out, "$$\n";
	for (1 .. 1 + int rand 3) {
		my ($next, $kind) = (int rand 1e9, int rand 3);
		my $pid = fork // die;
		if ($pid == 0) {
			burn(0.0005 + rand 0.003);
			if ($depth == 0 || $kind == 0) { syswrite $out, "$$\n"; exec '/bin/true' }
			grow($depth - 1, $next);
			exit 0;
		}
		burn(rand 0.002);
		select undef, undef, undef, rand 0.002 if rand 2 < 1;
	}
	1 while wait > 0;
}
grow(3, $seed++) for 1 .. $rounds;
EOT
cat >"$tmp/home/stranger" <<'EOT'
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC); $0 = 'qb-stranger';
my $until = clock_gettime(CLOCK_MONOTONIC) + $ARGV[0]; 1 while clock_gettime(CLOCK_MONOTONIC) < $until;
EOT

# logged COMMAND...: beside a log of every CPU, in $tmp/log.CPU
logged() {
	for cpu in $(seq 0 "$last"); do
		rm -f "$tmp/stop.$cpu"
		mkfifo "$tmp/stop.$cpu"
		taskset -c 0 "$build/tests/switchlog" "$cpu" <"$tmp/stop.$cpu" >"$tmp/log.$cpu" &
		eval "log$cpu=\$!"
	done
	(
		for cpu in $(seq 0 "$last"); do eval "exec $((cpu + 3))>\"$tmp/stop.$cpu\""; done
		for cpu in $(seq 0 "$last"); do until grep -q ready "$tmp/log.$cpu"; do sleep 0.05; done; done
		"$@"
	)
	status=$?
	for cpu in $(seq 0 "$last"); do eval "wait \$log$cpu"; done
	return $status
}
# strangers BEGIN END: nanoseconds that the log has of who is not in $tmp/ids, in between
strangers() {
	cat "$tmp"/log.* | awk -v b="$1" -v e="$2" 'FILENAME != "-" { own[$1]; next }
		NF >= 5 && $1 < e && $2 > b && !($3 in own) { sum += ($2 < e ? $2 : e) - ($1 > b ? $1 : b) }
		END { printf "%.0f\n", sum }' "$tmp/ids" -
}
run_tree() {
	: >"$tmp/ids"
	"$qb" run --no-check -n all -s cpus.isolation=none -s process.pin=false -o record.json -- perl tree "$1" "$2" "$tmp/ids"
}

if [ "$last" -lt 1 ] || [ "$last" -gt 5 ]; then
	echo "1..0 # SKIP needs 2 to 6 CPUs"
	exit 0
fi
for round in 1 2 3; do
	logged run_tree $((seed + round * 1000)) 20 >"$tmp/out" 2>"$tmp/err"
	is "tree $round: status" "$?" 0
	cat "$tmp"/log.* | grep '^lost' | sort -u >"$tmp/lost"
	is "tree $round: the logs are complete" "$(cat "$tmp/lost")" 'lost 0'
	root=$(head -n 1 "$tmp/ids")
	ok "tree $round: many processes" [ "$(sort -u "$tmp/ids" | wc -l)" -gt 50 ]
	# From its exec to its exit, by its first and its last stay as "perl".
	begin=$(cat "$tmp"/log.* | awk -v t="$root" '$3 == t && $5 == "perl" && (!b || $1 < b) { b = $1 } END { printf "%.0f\n", b }')
	end=$(cat "$tmp"/log.* | awk -v t="$root" '$3 == t && $2 > e { e = $2 } END { printf "%.0f\n", e }')
	ok "tree $round: the logs have it" [ "$begin" -gt 0 ] && [ "$end" -gt "$begin" ]
	truth=$(strangers "$begin" "$end")
	others=$(jq '.runs[0].counters.others_ns' record.json)
	is "tree $round: it is known whose everybody is" "$(jq '.runs[0].counters.others_uncertain_ns' record.json)" 0
	ok "tree $round: strangers had $others ns, by the log $truth" \
		[ "$(((others > truth ? others - truth : truth - others) * 10))" -le "$((truth + 400000000))" ]
done

# In the middle of it, and with the CPU for itself, however busy the machine is.
stray() {
	: >"$tmp/ids"
	(
		until [ -s "$tmp/ids" ]; do sleep 0.02; done
		exec taskset -c "$last" chrt --fifo 1 perl stranger 0.5
	) &
	run_tree "$seed" 20
	wait $!
}
stray >"$tmp/out" 2>"$tmp/err"
is "a stranger: the verdict" "$(jq -r '.runs[0].verdict' record.json)" noisy
ok "a stranger is named" grep -q 'NOISY: .*qb-stranger (pid' "$tmp/err"

# Threads are counted as they run: twenty rounds of two are two.
"$qb" run --no-check -c "$last" -- sh -c 'for i in $(seq 20); do perl stranger 0.02 & perl stranger 0.02 & wait; done' >"$tmp/out" 2>"$tmp/err"
ok "two threads at once: two threads" grep -Eq '^quietbench: [2-3] threads shared 1 CPU' "$tmp/err"
ok "no advice that changes nothing" sh -c '[ "$(nproc)" -gt 2 ] || ! grep "try -n" "$1"' - "$tmp/err"

# What was done elsewhere was not watched.
"$qb" run --no-check -c "$last" -s cpus.isolation=none -o record.json -- sh -c 'taskset -cp 0 $$ >/dev/null; exec perl stranger 0.5' 2>"$tmp/err"
ok "on another CPU: not quiet" [ "$(jq -r '.runs[0].verdict' record.json)" != quiet ]
like "on another CPU: why" "$(jq -r '.runs[0].reasons[-1]' record.json)" '^it spent 0\.[0-9]+ s of its [0-9.]+ s of CPU time on other CPUs: '
mkfifo "$tmp/asked" "$tmp/answered"
chmod 666 "$tmp/asked" "$tmp/answered"
(
	read -r _ <"$tmp/asked"
	taskset -c 0 perl "$tmp/home/stranger" 0.5
	echo done >"$tmp/answered"
) &
"$qb" run --no-check -c "$last" -o record.json -- sh -c 'echo go >"$1"; cat "$2"' - "$tmp/asked" "$tmp/answered" >"$tmp/out" 2>"$tmp/err"
wait $!
ok "a daemon worked for it: not quiet" [ "$(jq -r '.runs[0].verdict' record.json)" != quiet ]
like "a daemon worked for it: why" "$(jq -r '.runs[0].reasons[-1]' record.json)" '^it used [0-4]\.[0-9] % of a CPU: .*the work done elsewhere'
finish
