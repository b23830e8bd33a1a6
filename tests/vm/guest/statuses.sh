# SPDX-License-Identifier: GPL-2.0-or-later
# What a caller sees of `run`: statuses, and that the benchmark gets exactly the caller's world.
. /qb/guest-lib.sh

# ends WANTED TEXT OPTIONS-AND-COMMAND...
ends() {
	wanted=$1 text=$2
	shift 2
	quietbench run --no-check "$@" >/tmp/run.out 2>/tmp/run.err
	got=$?
	is "status $wanted: $text" "$got" "$wanted"
	[ "$got" = "$wanted" ] || sed 's/^/# /' /tmp/run.err
}
before
quietbench status >/tmp/status.out 2>&1
is "status before" "$?" 3
ends 0 "true" -- true
ends 3 "the command's own" -- sh -c 'exit 3'
ends 143 "ended by SIGTERM" -- sh -c 'kill -TERM $$'
ends 137 "ended by SIGKILL" -- sh -c 'kill -KILL $$'
ends 0 "options end at the first non-option" true --no-such-option
ends 126 "cannot be executed" -- /etc/passwd
ends 127 "not found" -- no-such-command
ok "the host is as before" within 10 as_before
for options in "" "--no-such-option -- touch /tmp/started" "-p no-such-profile -- touch /tmp/started" "-n 0 -- touch /tmp/started" \
	"-c 99 -- touch /tmp/started" "-s frequency.turbo=perhaps -- touch /tmp/started" "--require frequency.epp -- touch /tmp/started" \
	"--require no.such.key -- touch /tmp/started"; do
	# shellcheck disable=SC2086
	ends 125 "run $options" $options
	is "a word about it on stderr" "$(grep -c '^quietbench: ' /tmp/run.err | sed 's/[1-9].*/some/')" some
done
ok "no command was started" [ ! -e /tmp/started ]
ok "the host is as before, with nothing left in the journal" as_before

# while it runs
rm -f /tmp/during*
quietbench run --no-check -- observe sh -c 'until [ -e /tmp/go ]; do usleep 100000; done' 2>/tmp/run.err &
client=$!
within 60 [ -e /tmp/during ]
quietbench status >/tmp/status.out 2>&1
is "status during" "$?" 0
su tester -c '/qb/build/quietbench status' >/tmp/status.out 2>&1
is "status during, for anyone" "$?" 0
touch /tmp/go
wait "$client"
is "the run's status" "$?" 0
quietbench status >/tmp/status.out 2>&1
is "status after" "$?" 3

# same TEXT COMMAND...: COMMAND prints the same below quietbench as without; `normal` takes out what differs anyway
normal='^Name\|^[TV]gid\|^Pid\|^PPid\|^Tgid\|^NStgid\|^NSpid\|^NSpgid\|^NSsid\|^Cpus_allowed\|^Mems_allowed\|ctxt_switches\|^Vm\|^Rss\|^Hugetlb\|^Threads\|^SigQ'
same() {
	same_text=$1
	shift
	"$@" 2>/dev/null | grep -av "$normal" >/tmp/wanted
	/qb/build/quietbench run --no-check -- "$@" 2>/tmp/run.err | grep -av "$normal" >/tmp/got
	ok "$same_text" diff /tmp/wanted /tmp/got
}
in_env() {
	env -i B='x y' A= ODD="$(printf 'two\nlines')" PATH=/bin 'not a name=1' "$@"
}
in_env /bin/cat /proc/self/environ >/tmp/wanted
in_env /qb/build/quietbench run --no-check -- /bin/cat /proc/self/environ >/tmp/got 2>/tmp/run.err
ok "the environment, byte for byte" cmp /tmp/wanted /tmp/got
env -i /qb/build/quietbench run --no-check -- /bin/cat /proc/self/environ >/tmp/got 2>/tmp/run.err
is "an empty environment stays empty" "$(wc -c </tmp/got)" 0

mkdir -p "/tmp/some where" && cd "/tmp/some where" || exit 1
same "the working directory" readlink /proc/self/cwd
cd /
exec 7</etc/passwd
same "the file descriptors" sh -c 'for fd in /proc/self/fd/*; do echo "${fd##*/}"; done'
same "an inherited file descriptor" readlink /proc/self/fd/7
exec 7<&-
same "closed standard input" sh -c 'exec ls /proc/self/fd 0<&-'
trap '' USR1 HUP
umask 027
ulimit -n 777
same "limits; signals, umask, credentials, capabilities; OOM score, dump filter, personality" \
	cat /proc/self/limits /proc/self/status /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/personality
same "process group and session" sh -c 'cut -d" " -f5,6,7 /proc/self/stat'
trap - USR1 HUP
umask 022
is "the arguments" "$(quietbench run --no-check -- printf '[%s]' 'a b' '' '*' "$(printf 'x\ny')" 2>/dev/null)" "$(printf '[%s]' 'a b' '' '*' "$(printf 'x\ny')")"
is "standard input" "$(echo through | quietbench run --no-check -- cat 2>/dev/null)" through
# shellcheck disable=SC2016
is "a child of quietbench" "$(quietbench run --no-check -- sh -c 'cat /proc/$PPID/comm' 2>/dev/null)" quietbench

# signals sent to quietbench alone are relayed
rm -f /tmp/during*
quietbench run --no-check -- observe sh -c 'trap "exit 42" TERM; echo >/tmp/trapped; while :; do usleep 100000; done' 2>/tmp/run.err &
client=$!
within 60 [ -e /tmp/trapped ]
kill -TERM "$client"
wait "$client"
is "a relayed SIGTERM" "$?" 42

# what survives the command
before
quietbench run --no-check -- sh -c 'setsid sleep 3599 >/dev/null 2>&1 & sleep 1; exit 3' 2>/tmp/run.err
is "status with a survivor" "$?" 3
survivor=$(pgrep -f 'sleep 3599' 2>/dev/null || pidof sleep)
ok "the survivor is named" says sleep /tmp/run.err
ok "it lives" kill -0 "$survivor"
is "it is back where the caller is" "$(cat "/proc/$survivor/cgroup")" "$(cat /proc/self/cgroup)"
is "it may run everywhere" "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$survivor/status")" "$(cat /sys/devices/system/cpu/online)"
ok "the host is as before, with a survivor" within 10 as_before
kill "$survivor"

# no way to privilege
su tester -c '/qb/build/quietbench run --no-check -- sh -c "exit 5"' >/tmp/run.out 2>/tmp/run.err
is "without privilege: the command's status" "$?" 5
is "without privilege: the first line says so" "$(head -n 1 /tmp/run.err | grep -c 'NOT CONDITIONED')" 1
su tester -c '/qb/build/quietbench run --no-check --require cpus.isolation -- touch /tmp/started' >/tmp/run.out 2>/tmp/run.err
is "without privilege: --require" "$?" 125
ok "without privilege: --require starts nothing" [ ! -e /tmp/started ]
su tester -c '/qb/build/quietbench plan' >/tmp/run.out 2>/tmp/run.err
is "plan needs no privilege" "$?" 0
ok "the host is as before, at the end" within 10 as_before
done_testing
