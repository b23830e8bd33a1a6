# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever is killed: the host comes back exactly, by itself while anyone of us lives, by the next of us otherwise.
. /qb/guest-lib.sh

# processes NAME: the pids whose name starts so
processes() { grep -l "^$1" /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3; }
parent() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }

# begin: a run whose benchmark sleeps; sets client, guardian, monitor, benchmark. One lever is held by the monitor alone.
begin() {
	rm -f /tmp/benchmark
	quietbench run --no-check -p default -s idle.dma_latency=5us -- sh -c 'echo $$ >/tmp/benchmark; exec sleep 3600' 2>/tmp/run.err &
	client=$!
	within 60 [ -s /tmp/benchmark ] || { fail "$1: the benchmark started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/benchmark)
	guardian="" monitor=""
	for one in $(processes quietbench-h); do
		case $(cat "/proc/$(parent "$one")/comm") in quietbench-h*) monitor=$one ;; *) guardian=$one ;; esac
	done
	is "$1: a guardian and a monitor" "${guardian:+guardian} ${monitor:+monitor}" "guardian monitor"
	as_before >/dev/null && fail "$1: the host is conditioned" || pass "$1: the host is conditioned"
	quietbench status >/tmp/status.out 2>&1
	is "$1: status while it runs" "$?" 0
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

stop_odd
done_testing
