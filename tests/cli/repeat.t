#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Many commands in one session, on a substituted host: conditioned once, each placed and executed, restored once. The
# client is tests/unit/client/execute.c, which is made of what quietbench is made of.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
cp "$build/san/tests/unit/client/execute" "$tmp/build/repeat"

# prove --each-lever: a command that is steady only with the governor, and a profile of one's own that is found by its path.
mkdir "$tmp/own" "$tmp/elsewhere"
cat >"$tmp/own/mine.yaml" <<EOF
version: 1
name: called-otherwise
extends: base
cpus: {isolation: none, smt: share}
frequency: {governor: performance}
kernel: {timer_migration: false}
process: {pin: false}
EOF
cat >"$tmp/steady" <<EOF
n=\$((\$(cat $tmp/n 2>/dev/null || echo 0) + 1))
echo \$n >$tmp/n
grep -q performance /sys/devices/system/cpu/cpufreq/policy1/scaling_governor && sleep 0.1 || sleep 0.\$((n * 7 % 5))1
EOF

# The same is told to end while the second lever is weighed: two sides of 24 runs, and two of the first lever.
cat >"$tmp/ender" <<EOF
echo >>$tmp/runs
[ \$(wc -l <$tmp/runs) != 100 ] || kill -TERM \$PPID
EOF

cat >"$tmp/story" <<EOF
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
say twenty $tmp/build/repeat 20
say many $tmp/build/repeat 100
cd $tmp/own
say each $qb prove -q --each-lever -r 24 -w 0 -p ./mine.yaml -s process.nice=5 -c 1 -- sh $tmp/steady
say ended $qb prove -q --each-lever -r 24 -w 0 -p ./mine.yaml -s process.nice=5 -c 1 -- sh $tmp/ender
cd $tmp/elsewhere
sed -n '/^version:/,/^# measured:/p' $tmp/each >enough.yaml
say asked $qb profile show --json -s process.nice=5 -s cpus.list=1 $tmp/own/mine.yaml
say found $qb profile show --json ./enough.yaml
say again $qb prove -q -r 24 -w 0 -p ./enough.yaml -- sh $tmp/steady
say after $qb status
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>/dev/null

tells twenty 0 '^20 done, 20 watched, restored completely$'
tells many 0 '^100 done, 100 watched, restored completely$'
# However lively this machine is, the governor is worth most. Is it shown? That is prove's own test's.
tells each "$(cat "$tmp/each.status")" '^   frequency\.governor +without it [0-9.]+ times the spread '
tells each "$(cat "$tmp/each.status")" '^   process\.nice +without it '
tells each "$(cat "$tmp/each.status")" '^# [123] of 3 levers keep 90 % of the gain:$'
tells each "$(cat "$tmp/each.status")" '^# measured: '
tells ended 143 '^each lever, the profile without it against the whole \(\*: shown\); the rest was not weighed:$'
is "told to end: the lever that was weighed is told" "$(grep -c ' without it [0-9.]* times the spread ' "$tmp/ended")" 1
# What it prints is a whole profile: what was asked for, but what was dropped.
effective() { jq -S -r '.profile.effective | to_entries[] | "\(.key)=\(.value)"' "$tmp/$1"; }
effective asked >asked
effective found >found
kept=$(sed -n 's/^# \([0-9]\) of .* keep .*/\1/p' "$tmp/each")
is "the profile it found differs by what was dropped, and by nothing else" "$(diff asked found | sed -n 's/^[<>] \([a-z._]*\)=.*/\1/p' | sort -u)" \
	"$(sed -n '/^each lever/,/^#/s/^   \([a-z._]*\) .*/\1/p' "$tmp/each" | tail -n "+$((kept + 1))" | sort)"
is "what is as by default is not in it" "$(grep -c 'avoid\|max_steal\|keep$' "$tmp/elsewhere/enough.yaml")" 0
tells again "$(cat "$tmp/again.status")" '^\./enough\.yaml: median '
tells after 3 '^not conditioned$'
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
