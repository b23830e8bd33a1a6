# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the tests of this folder: TAP, and the programs in a folder of their own where no way
# to privilege is open, run by a user who is nobody. QB_BUILD names the build folder.
set -u
export LC_ALL=C.UTF-8
build=$(cd "${QB_BUILD:-$(dirname "$0")/../../build}" && pwd) || exit 1
source=$(cd "$(dirname "$0")/../.." && pwd)
# Not in $TMPDIR: every user must be able to enter it.
tmp=$(mktemp -d /tmp/quietbench-cli.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$tmp"
mkdir "$tmp/build" "$tmp/bin" "$tmp/home"
cp "$build/quietbench" "$build/quietbench-helper" "$build/quietbench-planner" "$build/quietbench-watcher" "$tmp/build"
[ ! -e "$build/quietbench-bus" ] || cp "$build/quietbench-bus" "$tmp/build" # built with libsystemd
cp -r "$source/profiles" "$tmp/profiles"
chmod -R a+rX "$tmp"
chmod 777 "$tmp/home"
cd "$tmp/home" || exit 1
qb=$tmp/build/quietbench

# A developer's sudo may let him through; these tests want to be refused.
printf '#!/bin/sh\nexit 1\n' >"$tmp/bin/sudo"
chmod 755 "$tmp/bin/sudo"
PATH=$tmp/bin:$PATH
HOME=$tmp/home
unset XDG_CONFIG_HOME NO_COLOR
if [ "$(id -u)" = 0 ]; then
	user='setpriv --reuid 4242 --regid 4242 --clear-groups --'
else
	user=
fi

tests=0
failures=0
# ok NAME COMMAND...: it succeeds
ok() {
	name=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $name"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $name"
	fi
}
# is NAME GOT WANTED
is() {
	ok "$1" [ "$2" = "$3" ]
	[ "$2" = "$3" ] || printf '%s\n' "got: $2" "wanted: $3" | sed 's/^/# /'
}
# like NAME TEXT PATTERN (extended)
like() {
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		ok "$1" true
	else
		ok "$1" false
		printf '%s\n' "got: $2" "no match: $3" | sed 's/^/# /'
	fi
}
# run ARG...: quietbench as nobody; sets status, out, err
run() {
	$user "$qb" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
# tells NAME STATUS PATTERN: what a story on a substituted host left in the files NAME and NAME.status
tells() {
	is "$1: status" "$(cat "$tmp/$1.status")" "$2"
	like "$1: says" "$(cat "$tmp/$1")" "$3"
}
# person NAME [SHELL...]: drives a shell (sh -i) on a terminal by the script on standard input (tests/lib/pty.c); what
# was to be seen there is in the file transcript
person() {
	name=$1
	shift
	{
		printf '%s\n' "send PS1='ready> '\n" 'expect ready> ' \
			"send PATH=$PATH qb=$qb\n" 'expect ready> '
		cat
	} | $user "$build/tests/pty" ${@:-sh -i} >"$tmp/transcript" 2>&1
	met=$?
	ok "$name" [ "$met" = 0 ]
	[ "$met" = 0 ] || sed 's/^/# /' "$tmp/transcript"
}
finish() {
	echo "1..$tests"
	[ "$failures" = 0 ]
}
