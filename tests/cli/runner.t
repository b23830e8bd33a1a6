#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run itself: what every test printed is kept, what failed is shown, and nothing that fails in whatever way passes.
. "$(dirname "$0")/lib.sh"

# script NAME: a test, from standard input
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod 755 "$1"
}
# ran NAME...: tests/run on these; sets status and out
ran() {
	for one; do set -- "$@" "$PWD/$one" && shift; done
	out=$(cd "$source" && env -u CI -u QB_JOBS BUILD="$tmp/kept" tests/run "$@" 2>&1)
	status=$?
}
script good <<'END'
echo "ok 1 - well"
echo "1..1"
END
script bad <<'END'
echo "ok 1 - well"
echo "# what was looked at"
echo "not ok 2 - not so well"
echo "# what differs"
echo "to standard error" >&2
echo "1..2"
exit 1
END
script halfway <<'END'
echo "1..2"
echo "ok 1 - well"
END
script dead <<'END'
echo "ok 1 - well"
echo "1..1"
kill -KILL $$
END
script todo <<'END'
echo "ok 1 # SKIP nothing is here"
echo "1..1"
END

ran good
is "a good one: status" "$status" 0
like "a good one: the sum" "$out" '^1 passed, 0 failed$'
ran good bad
is "a failed one: status" "$status" 1
like "a failed one: the sum" "$out" '^2 passed, 1 failed$'
for line in 'not ok 2 - not so well' '# what was looked at' '# what differs'; do
	like "a failed one: is shown: $line" "$out" "^  $line\$"
done
kept=$(printf '%s\n' "$out" | sed -n 's/.*all of it: \(.*\))$/\1/p')
is "a failed one: all of it is kept" "$(grep -c -e well -e 'looked at' -e differs -e 'standard error' "$kept")" 5
ran halfway
is "one that does less than it plans: status" "$status" 1
like "one that does less than it plans: the sum" "$out" ', 1 failed$'
ran dead
is "one that dies: status" "$status" 1
out=$(cd "$source" && CI=1 BUILD="$tmp/kept" tests/run "$PWD/todo" 2>&1)
is "one that is skipped, in CI: status" "$?" 1
like "one that is skipped, in CI: the sum" "$out" '^0 passed, 1 failed$'
finish
