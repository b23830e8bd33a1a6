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

cat >"$tmp/story" <<EOF
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
say twenty $tmp/build/repeat 20
say many $tmp/build/repeat 100
say after $qb status
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>/dev/null

tells twenty 0 '^20 done, 20 watched, restored completely$'
tells many 0 '^100 done, 100 watched, restored completely$'
tells after 3 '^not conditioned$'
# Files and values: the tree has links that lead in circles.
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
