#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every fuzzer on its corpus, and then as many inputs made from it as take a moment: always the same ones.
set -u
here=$(cd "$(dirname "$0")" && pwd)
fuzzers=$(cd "$here/../.." && cd "${BUILD:-build}/fuzz/tests/fuzz" 2>/dev/null && pwd) || {
	echo '1..0 # SKIP needs the fuzzers: make fuzz SECONDS=1'
	exit 0
}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/quietbench-fuzz.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
tests=0
failures=0
# ok NAME COMMAND...: it succeeds; what it said is shown if not
ok() {
	label=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$tmp/said" 2>&1; then
		echo "ok $tests - $label"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $label"
		tail -n 60 "$tmp/said" | sed 's/^/# /'
	fi
}

for source in "$here"/fuzz_*.c; do
	name=$(basename "$source" .c)
	corpus=$here/corpus/$name
	mkdir "$tmp/$name"
	ok "$name: 20000 inputs" "$fuzzers/$name" -runs=20000 -seed=1 -timeout=20 -rss_limit_mb=1024 \
		-artifact_prefix="$tmp/$name/found." "$tmp/$name" "$corpus"
	for input in "$tmp/$name"/found.*; do
		[ ! -f "$input" ] || base64 "$input" | sed "s/^/# $name: /"
	done
	ok "$name: a corpus that is kept is small" [ "$(cat "$corpus"/* | wc -c)" -lt 16384 ]
done
echo "1..$tests"
[ "$failures" = 0 ]
