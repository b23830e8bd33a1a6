#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input: each file that is no profile, and each odd command line, is answered at once, in little memory, with one
# line that says what is wrong and where. What a profile's text may hold is in tests/unit/core/yaml.c.
. "$(dirname "$0")/lib.sh"

MEMORY_KIB=262144
SECONDS_AT_MOST=20

# bounded ARG...: as run, but in that much memory and time
bounded() {
	(ulimit -v "$MEMORY_KIB" && exec timeout -s KILL "$SECONDS_AT_MOST" $user "$qb" "$@") \
		>"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	err=$(cat "$tmp/err")
}
# says WHAT STATUS TEXT ARG...: exactly this line on stderr, and nothing on stdout
says() {
	what=$1
	wanted=$2
	text=$3
	shift 3
	bounded "$@"
	is "$what: status" "$status" "$wanted"
	is "$what: says" "$err" "quietbench: $text"
	ok "$what: nothing on stdout" [ ! -s "$tmp/out" ]
}
# refused FILE TEXT: as a profile for everything that takes one
refused() {
	says "validate $1" 1 "$2" profile validate "./$1"
	says "plan -p $1" 2 "$2" plan -p "./$1"
	says "run -p $1" 125 "$2" run -p "./$1" -- true
}
text() { printf "$2" >"$1"; }

# ---- no file ----
mkdir folder
mkfifo fifo
ln -s nowhere dangling
ln -s /dev/zero device
ln -s loop loop
text unreadable 'version: 1\n'
chmod 0 unreadable
truncate -s 100M huge
refused missing 'open profile ./missing: No such file or directory'
refused folder 'profile ./folder is a folder; name a YAML file'
refused fifo 'profile ./fifo is not a regular file; copy it to one'
refused dangling 'open profile ./dangling: No such file or directory'
refused device 'profile ./device is not a regular file; copy it to one'
refused loop 'open profile ./loop: Too many levels of symbolic links'
refused huge 'profile ./huge is larger than 64 KiB'
if [ "$(id -u)" = 0 ] || ! cat unreadable >/dev/null 2>&1; then
	refused unreadable 'open profile ./unreadable: Permission denied'
fi
says 'a pipe' 2 'profile /dev/stdin is not a regular file; copy it to one' plan -p /dev/stdin

# ---- no profile ----
text empty ''
text laughs 'version: 1\na: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n'
{ printf 'version: 1\nservices: {stop: ' && head -c 60000 /dev/zero | tr '\0' '['; } >deep
text tab 'version: 1\n\tname: x\n'
text nul 'version: 1\nname: a\000b\n'
text bytes 'version: 1\nname: \377\n'
text utf16 '\377\376v\000e\000r\000'
text mark '\357\273\277version: 1\nname: \377\n'
text crlf 'version: 1\r\ncpus: {cout: 1}\r\n'
text twice 'version: 1\ncpus: {count: 1}\ncpus: {count: 2}\n'
{ printf 'version: 1\n? ' && head -c 60000 /dev/zero | tr '\0' k && echo; } >long-key
{ printf 'version: 1\nname: ' && head -c 60000 /dev/zero | tr '\0' k && echo; } >long-value
text circle 'version: 1\nextends: circle\n'
text "$(printf 'strange\n\033[31m')" 'version: 2\n'
aliases='anchors and aliases (& and *) are not allowed: write the value out, or quote it if it is a text'
refused empty './empty:1:1: empty document'
refused laughs "./laughs:2:4: a: $aliases"
refused deep './deep:2:19: services.stop: a list or a mapping too deep inside'
refused tab './tab:2:1: not valid YAML: while scanning a plain scalar: found a tab character that violates indentation'
refused nul './nul:2:8: a NUL byte: not a text'
refused bytes './bytes:2:7: not valid UTF-8 text: invalid leading UTF-8 octet'
refused utf16 './utf16:1:4: a NUL byte: not a text'
refused mark './mark:2:7: not valid UTF-8 text: invalid leading UTF-8 octet'
refused crlf "./crlf:2:8: cpus.cout: expected a key of a profile, found 'cpus.cout'; did you mean 'cpus.count'?"
refused twice './twice:3:1: cpus: the same key twice'
refused long-key './long-key:2:3: expected a plain word as key'
refused long-value './long-value:2:7: name: longer than 511 bytes, or a NUL byte in it'
refused circle "./circle:2:10: extends: expected an end, found a circle: circle -> circle"
# What a file is called cannot make two lines of one, nor colour the terminal.
says 'a strange name' 2 "./strange??[31m:1:10: version: expected 1 (the only version of the format), found '2'" \
	plan -p "./$(printf 'strange\n\033[31m')"

# ---- command lines ----
many() { yes -- "$1" | head -n "$2"; }
x4k=$(head -c 4000 /dev/zero | tr '\0' x)
for cpus in 1- -1 0-8192 999999999999999999999 1,,2 0-3:0/0 0-3:1/0 3-0 0x1 0, ' ' "$(printf '\377')"; do
	says "-c '$cpus'" 125 "run: -c, --cpus: expected a list of CPUs such as 2-3,8, not \"$cpus\"" run -c "$cpus" -- true
done
for count in '' +1 ' 1' 1e3 8193 99999999999999999999 -9223372036854775809; do
	says "-n '$count'" 125 "run: -n, --count: expected a number from 1 to 8192, not \"$count\"" run -n "$count" -- true
done
for wait in '' 1 -1s 1e3s 106752d .5s 5.s 1h30m 99999999999999999999s; do
	says "--lock-wait '$wait'" 125 "run: --lock-wait: expected a duration such as 30s or 10m, not \"$wait\"" \
		run --lock-wait "$wait" -- true
done
says 'a newline' 125 'run: unknown option --a?b' run "--a
b"
says 'an escape' 2 'unknown command: ?[2J; quietbench --help lists them' "$(printf '\033[2J')"
says 'no UTF-8' 125 "run: unknown option --$(printf '\377')" run "--$(printf '\377')"
says 'an empty command' 2 'unknown command: ; quietbench --help lists them' ''
says 'an empty program' 127 ': command not found' run -q -- ''
says '---' 125 'run: unknown option ---' run ---
says '--=' 125 'run: unknown option --' run --=
says '4000 letters' 2 "plan: unknown option --$(printf %.63s "$x4k")" plan "--$x4k"
says '-s of 4000 letters' 2 "plan: -s: no such key: $(printf %.47s "$x4k")" plan -s "$x4k=1"
says '-c of 4000 CPUs' 2 'cpus.list: a value longer than 245 characters' plan -c "0$(many ,0 4000 | tr -d '\n')"
says '1000 operands' 2 'plan: takes no argument: x' plan $(many x 1000)
says '1000 settings' 125 'run: -s irqs.move=true: at most 32 of them; write a profile' \
	run $(many '-s irqs.move=true' 1000) -- true
says '--require of 1000 keys' 125 'run: --require: at most 32 keys; or all of them: all' \
	run --require "$(many irqs.move, 1000 | tr -d '\n')irqs.move" -- true
bounded run $(many -q 1000) -- sh -c 'echo $#' x $(many x 20000)
is '1000 options and 20000 arguments: status' "$status" 0
is '1000 options and 20000 arguments: all arrive' "$(cat "$tmp/out")" 20000

# What is not UTF-8 is still JSON.
text "$(printf 'x\377')" 'version: 2\n'
bounded profile validate --json "./$(printf 'x\377')"
is "a name that is not UTF-8 in JSON: status" "$status" 1
is "a name that is not UTF-8 in JSON" "$(jq '.error | startswith("./x")' "$tmp/out")" true
finish
