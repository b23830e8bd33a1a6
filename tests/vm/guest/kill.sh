# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever is killed: the host comes back exactly, by itself while anyone of us lives, by the next of us otherwise.
. /qb/guest-lib.sh

# processes NAME: the pids whose name starts so
processes() { grep -l "^$1" /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3; }
parent() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }

# begin NAME [OPTION...]: a run whose benchmark sleeps; sets client, guardian, monitor, benchmark. One lever is held by the
# monitor alone.
begin() {
	begun=$1
	shift
	rm -f /tmp/benchmark
	quietbench run --no-check "$@" -p default -s idle.dma_latency=5us -- sh -c 'echo $$ >/tmp/benchmark; exec sleep 3600' 2>/tmp/run.err &
	client=$!
	within 60 [ -s /tmp/benchmark ] || { fail "$begun: the benchmark started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/benchmark)
	guardian="" monitor=""
	for one in $(processes quietbench-h); do
		case $(cat "/proc/$(parent "$one")/comm") in quietbench-h*) monitor=$one ;; *) guardian=$one ;; esac
	done
	is "$begun: a guardian and a monitor" "${guardian:+guardian} ${monitor:+monitor}" "guardian monitor"
	as_before >/dev/null && fail "$begun: the host is conditioned" || pass "$begun: the host is conditioned"
	quietbench status >/tmp/status.out 2>&1
	is "$begun: status while it runs" "$?" 0
}
quiet_again() {
	ok "$1: the host is as before" within 20 as_before
	is "$1: no helper is left" "$(processes quietbench)" ""
	quietbench status >/tmp/status.out 2>&1
	is "$1: status afterwards" "$?" 3
}

start_odd
before

begin "client killed"
kill -KILL "$client"
ok "client killed: the benchmark ends" within 20 gone "$benchmark"
wait "$client"
quiet_again "client killed"

begin "monitor killed"
kill -KILL "$monitor"
ok "monitor killed: the guardian restores the host" within 20 as_before 'process/*'
kill -TERM "$benchmark" 2>/dev/null
ok "monitor killed: the client ends" within 20 gone "$client"
wait "$client"
echo "# the client's status: $?"
sed 's/^/# /' /tmp/run.err
quiet_again "monitor killed"

begin "guardian killed"
kill -KILL "$guardian"
kill -TERM "$benchmark"
ok "guardian killed: the client ends" within 20 gone "$client"
wait "$client"
is "guardian killed: the status is the benchmark's" "$?" 143
sed 's/^/# /' /tmp/run.err
quiet_again "guardian killed"

# look NAME: a run in the middle of its preflight; sets client, monitor and look, the process that measures
look() {
	quietbench run -p default -s check.duration=1m -- touch /tmp/ran 2>/tmp/run.err &
	client=$!
	measures() {
		for look in $(cat "/proc/$client/task/$client/children"); do
			[ "$(cat "/proc/$look/comm")" = quietbench ] && [ "$(ls "/proc/$look/task" | wc -l)" = 2 ] && return
		done
		return 1
	}
	ok "$1: it measures" within 60 measures
	monitor=""
	for one in $(processes quietbench-h); do
		case $(cat "/proc/$(parent "$one")/comm") in quietbench-h*) monitor=$one ;; esac
	done
}

look "client killed in the preflight"
kill -KILL "$client"
ok "client killed in the preflight: the measuring ends" within 20 gone "$look"
wait "$client"
quiet_again "client killed in the preflight"

look "monitor killed in the preflight"
kill -KILL "$monitor"
ok "monitor killed in the preflight: the guardian restores the host" within 20 as_before 'process/*'
wait "$client"
is "monitor killed in the preflight: status" "$?" 125
ok "monitor killed in the preflight: the command did not run" [ ! -e /tmp/ran ]
quiet_again "monitor killed in the preflight"

begin "monitor stopped"
kill -STOP "$monitor"
sleep 1
kill -TERM "$benchmark"
ok "monitor stopped: the client ends" within 20 gone "$client"
wait "$client"
is "monitor stopped: the status is the benchmark's" "$?" 143
sed 's/^/# /' /tmp/run.err
quiet_again "monitor stopped"

begin "helper asked to end"
kill -TERM "$guardian"
ok "helper asked to end: the host is restored" within 20 as_before 'process/*'
ok "helper asked to end: the benchmark goes on" kill -0 "$benchmark"
kill -TERM "$benchmark"
ok "helper asked to end: the client ends" within 20 gone "$client"
wait "$client"
is "helper asked to end: the status is the benchmark's" "$?" 143
ok "helper asked to end: the run says so" says "the host was restored meanwhile" /tmp/run.err
sed "s/^/# /" /tmp/run.err
quiet_again "helper asked to end"

begin "helper asked to end, client killed"
kill -TERM "$guardian"
sleep 1
kill -TERM "$guardian"
ok "helper asked to end, client killed: the host is restored" within 20 as_before 'process/*'
ok "helper asked to end, client killed: the benchmark goes on" kill -0 "$benchmark"
kill -KILL "$client"
ok "helper asked to end, client killed: the benchmark ends" within 20 gone "$benchmark"
wait "$client"
quiet_again "helper asked to end, client killed"

begin "all killed"
kill -KILL "$client" "$guardian" "$monitor"
wait "$client"
as_before >/dev/null && fail "all killed: something is left over" || pass "all killed: something is left over"
quietbench status >/tmp/status.out 2>&1
is "all killed: status says so" "$?" 1
quietbench restore >/tmp/restore.out 2>&1
is "all killed: restore" "$?" 0
sed 's/^/# /' /tmp/restore.out
ok "all killed, restored: the benchmark has ended" gone "$benchmark"
quiet_again "all killed, restored"
quietbench restore >/tmp/restore.out 2>&1
is "restore with nothing to restore" "$?" 0

begin "all killed again"
kill -KILL "$guardian" "$monitor" "$client"
wait "$client"
quietbench run --no-check -p default -- true 2>/tmp/run.err
is "all killed again: the next run succeeds" "$?" 0
sed 's/^/# /' /tmp/run.err
ok "all killed, healed by the next run: the benchmark has ended" gone "$benchmark"
quiet_again "all killed, healed by the next run"

# ---- in the midst of several runs: the helper has placed the forker, which has forked the benchmark ----
# begin_many NAME: sets forker, too
begin_many() {
	begin "$1" -r 3 -w 0
	forker=$(processes quietbench-fork)
	is "$1: the forker and the benchmark are the client's children" "$(parent "$forker") $(parent "$benchmark")" "$client $client"
	is "$1: they are in one group" "$(group "$forker")" "$(group "$benchmark")"
}
# what of the forker changes when it runs
ran() { cat "/proc/$forker/schedstat" && grep ctxt "/proc/$forker/status"; }

begin_many "several runs, client killed"
ran >/tmp/ran.before
sleep 2
ran >/tmp/ran.after
ok "several runs: the forker sleeps while a command runs" cmp /tmp/ran.before /tmp/ran.after
kill -KILL "$client"
ok "several runs, client killed: the benchmark ends" within 20 gone "$benchmark"
wait "$client"
quiet_again "several runs, client killed"

begin_many "several runs, helper asked to end, client killed"
kill -TERM "$guardian"
ok "several runs, helper asked to end, client killed: the host is restored" within 20 as_before 'process/*'
ok "several runs, helper asked to end, client killed: the benchmark goes on" kill -0 "$benchmark"
kill -KILL "$client"
ok "several runs, helper asked to end, client killed: the benchmark ends" within 20 gone "$benchmark"
wait "$client"
quiet_again "several runs, helper asked to end, client killed"

begin_many "several runs, monitor killed, client killed"
kill -KILL "$monitor"
ok "several runs, monitor killed, client killed: the guardian restores the host" within 20 as_before 'process/*'
ok "several runs, monitor killed, client killed: the benchmark goes on" kill -0 "$benchmark"
kill -KILL "$client"
ok "several runs, monitor killed, client killed: the benchmark ends" within 20 gone "$benchmark"
wait "$client"
quiet_again "several runs, monitor killed, client killed"

begin_many "several runs, forker killed"
kill -KILL "$forker"
kill -TERM "$benchmark"
ok "several runs, forker killed: the client ends" within 20 gone "$client"
wait "$client"
quiet_again "several runs, forker killed"

# ---- one that stopped the forker, or ended it, while a command runs: whoever comes to the end of that goes on ----
# turns NAME: three runs, each of which ends when /tmp/go is there; sets what begin sets, and forker
cat >/bin/turn <<'X'
#!/bin/sh
echo $$ >>/tmp/turns
until [ -e /tmp/go ]; do sleep 0.1; done
X
chmod +x /bin/turn
turns() {
	rm -f /tmp/turns /tmp/go
	quietbench run --no-check -r 3 -w 0 -p default -s idle.dma_latency=5us -- turn >/tmp/run.err 2>&1 &
	client=$!
	within 60 [ -s /tmp/turns ] || { fail "$1: the first of them started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/turns)
	guardian=$(quietbench status --json | jq -r .session.monitor)
	guardian=$(parent "$guardian")
	forker=$(processes quietbench-fork)
}
# three NAME: all three have their turn, and the run succeeds
three() {
	touch /tmp/go
	ok "$1: the client ends" within 60 gone "$client"
	wait "$client"
	is "$1: status" "$?" 0
	is "$1: three turns" "$(wc -l </tmp/turns)" 3
	quiet_again "$1"
}

turns "forker stopped"
kill -STOP "$forker"
three "forker stopped"

turns "forker killed"
kill -KILL "$forker"
three "forker killed"

turns "forker stopped, client killed"
kill -STOP "$forker"
kill -KILL "$client"
ok "forker stopped, client killed: the command ends" within 20 gone "$benchmark"
ok "forker stopped, client killed: the forker ends" within 20 gone "$forker"
wait "$client"
quiet_again "forker stopped, client killed"

turns "forker stopped, helper asked to end"
kill -STOP "$forker"
kill -TERM "$guardian"
ok "forker stopped, helper asked to end: the host is restored" within 20 as_before 'process/*'
ok "forker stopped, helper asked to end: the command goes on" kill -0 "$benchmark"
touch /tmp/go
ok "forker stopped, helper asked to end: the client ends" within 60 gone "$client"
wait "$client"
is "forker stopped, helper asked to end: it did not succeed" "$(($? != 0))" 1
is "forker stopped, helper asked to end: nobody had another turn" "$(wc -l </tmp/turns)" 1
quiet_again "forker stopped, helper asked to end"

turns "forker stopped, helper killed"
kill -STOP "$forker"
kill -KILL "$guardian" "$(quietbench status --json | jq -r .session.monitor)"
kill -KILL "$client"
wait "$client"
quietbench run --no-check -p default -- true 2>/tmp/run.err
is "forker stopped, all killed: the next run succeeds" "$?" 0
ok "forker stopped, all killed: the command has ended" gone "$benchmark"
ok "forker stopped, all killed: the forker has ended" gone "$forker"
quiet_again "forker stopped, all killed"

begin_many "several runs, all killed"
kill -KILL "$client" "$guardian" "$monitor"
wait "$client"
quietbench restore >/tmp/restore.out 2>&1
is "several runs, all killed: restore" "$?" 0
ok "several runs, all killed, restored: the benchmark has ended" gone "$benchmark"
quiet_again "several runs, all killed, restored"

stop_odd
done_testing
