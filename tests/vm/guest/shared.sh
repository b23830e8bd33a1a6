# SPDX-License-Identifier: GPL-2.0-or-later
# Shared runs: each on CPUs of its own, which the others cannot reach; they agree on the host or are refused; whoever
# dies, the host comes back exactly with the last of them.
. /qb/guest-lib.sh

# start NAME USER OPTION...: a shared run in the background whose command waits for /tmp/NAME.go
start() {
	name=$1 user=$2
	shift 2
	rm -f "/tmp/$name" "/tmp/$name.go"
	su "$user" -c "/qb/build/quietbench run --shared -o /tmp/$name.json $* -- sh -c '
		echo \$\$ >/tmp/$name.new; mv /tmp/$name.new /tmp/$name; until [ -e /tmp/$name.go ]; do sleep 0.1; done'" >"/tmp/$name.err" 2>&1 &
	eval "client_$name=\$!"
}
begun() { ok "$1: it began" within 60 [ -s "/tmp/$1" ]; }
of() { cat "/tmp/$1"; } # its benchmark
# end NAME: lets it go and judges its status
end() {
	touch "/tmp/$1.go"
	eval "wait \$client_$1"
	is "$1: status" "$?" "${2:-0}"
}
conditioned() { is "$1" "$(quietbench status --json | jq -r '[.state, .session.shared] | @csv' | tr -d '"')" conditioned,true; }

chmod 1777 /tmp
start_odd
before
sudo_works

# ---- what the policy leaves to a user without a file: half of the CPUs, siblings counted ----
start member tester -p default
begun member
is "a member: the pool is half of the CPUs" "$(words "$(quietbench status --json | jq -r .session.cpus)" | wc -w)" 2
end member
quiet_again "a member"
mkdir -p /etc/quietbench
cat >/etc/quietbench/policy.yaml <<EOF
version: 1
rules:
  - {name: all, who: [user:tester], classes: [S, D], cpus: {max: 100%}}
EOF

# ---- two, and a third inside of one of them ----
start first tester -p default
begun first
conditioned "one: the host is conditioned, and shared"
pool=$(words "$(quietbench status --json | jq -r .session.cpus)")
is "one: the pool is a CPU of every core but the boot CPU's" "$(echo $pool | wc -w)" 3
start second root -p default
begun second
own_first=$(list "$(of first)") own_second=$(list "$(of second)")
set_of "$own_first" && a=$set
set_of "$own_second" && b=$set
is "two: CPUs of their own" $((a & b)) 0
set_of "$(quietbench status --json | jq -r .session.cpus)"
is "two: both of the pool" $(((a | b) & ~set)) 0
taskset -p ff "$(of second)" >/dev/null 2>&1 # its cpuset is narrower
is "two: the second cannot reach the first's CPU" "$(list "$(of second)")" "$own_second"
qb 0 "more than are free: all that is left" tester run --no-check --shared -p default -n max -o /tmp/rest.json -- true
set_of "$(jq -r .cpus.benchmark /tmp/rest.json)"
is "more than are free: none of the others'" $((set & (a | b))) 0
qb 125 "one more than there are" tester run --no-check --shared -p default -n 2 -- touch /tmp/started
tells "one more than there are" "only 1 core .*to choose from"
qb 125 "another's CPU" tester run --no-check --shared -p default -c "$own_first" -- touch /tmp/started
qb 125 "other settings of the host" tester run --no-check --shared -p default -s frequency.turbo=true -- touch /tmp/started
tells "other settings of the host" "frequency.turbo is false for the shared runs"
qb 0 "other settings of one's own process" tester run --no-check --shared -p default -s process.nice=3 -- true
ok "what was refused did not start" [ ! -e /tmp/started ]
qb 125 "an exclusive run" root run --no-lock-wait -- true
tells "an exclusive run" "in use by the shared runs that user 1000 began"
qb 1 "somebody's restore" tester restore --no-lock-wait
end second
ok "the second: says that it is not the last" says "stays conditioned for the other shared runs" /tmp/second.err
is "the second: its record" "$(jq -c '[.restore, .cpus.benchmark]' /tmp/second.json)" "[null,\"$own_second\"]"
conditioned "the second has ended: the host stays conditioned"
touch /tmp/first.go
eval "wait \$client_first"
ok "the first, and last: the host is as before, at once" as_before
ok "the first, and last: says restored" says '^quietbench: restored' /tmp/first.err
is "the first, and last: its record" "$(jq -c '.restore.complete' /tmp/first.json)" true
quiet_again "two"

# ---- the policy's CPUs are a user's, not a run's ----
sed -i 's/max: 100%/max: 1/' /etc/quietbench/policy.yaml
start wide root -p default
begun wide
start mine tester -p default -n 1
begun mine
qb 125 "a second run of the same user" tester run --no-check --shared -p default -n 1 -- touch /tmp/started
tells "a second run of the same user" "allows at most 1 of 8 CPUs, not 2"
ok "a second run of the same user: did not start" [ ! -e /tmp/started ]
end mine
qb 0 "after the first" tester run --no-check --shared -p default -n 1 -- true
end wide
quiet_again "the CPUs of a user"
sed -i 's/max: 1}/max: 100%}/' /etc/quietbench/policy.yaml

# ---- a run in a shared run ----
quietbench run --no-check --shared -p default -- sh -c 'sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status
	quietbench run --no-check -q --shared -- sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status' >/tmp/nested 2>/tmp/nested.err
is "a run in a shared run: status" "$?" 0
is "a run in a shared run: on its CPU" "$(sed -n 2p /tmp/nested)" "$(sed -n 1p /tmp/nested)"
quiet_again "a run in a shared run"

# ---- more than there is room for: they wait, and an exclusive run takes its turn ----
for n in one two three; do
	start $n root -p default
	begun $n
done
start four tester -p default
ok "a full pool: the fourth waits" within 30 says "waiting for the shared runs" /tmp/four.err
(quietbench run --no-check -q -p default -- sh -c 'ls /tmp/*.go | wc -l' >/tmp/alone 2>&1) &
alone=$!
within 30 sh -c 'ls /run/quietbench/queue | grep -c . | grep -qx 2'
start five tester -p default
within 30 sh -c 'ls /run/quietbench/queue | grep -c . | grep -qx 3'
end two
begun four
ok "a waiter between: the fifth waits behind it" [ ! -e /tmp/five ]
for n in one three four; do
	end $n
done
wait "$alone"
is "the exclusive run: after those that shared" "$?" 0
begun five
end five
quiet_again "a full pool"

# ---- kills ----
start left root -p default
begun left
start victim tester -p default
begun victim
bench=$(of victim)
kill -KILL "$(parent "$bench")"
ok "a client killed: its benchmark ends" within 20 gone "$bench"
ok "a client killed: the other goes on" kill -0 "$(of left)"
conditioned "a client killed: the host stays conditioned"
kill -KILL "$(parent "$(of left)")"
quiet_again "the last client killed"

start left root -p default
begun left
start victim root -p default
begun victim
kill -KILL "$(monitor)"
ok "the monitor killed: the guardian restores" within 20 as_before 'process/*'
ok "the monitor killed: the runs go on" kill -0 "$(of left)" "$(of victim)"
end left
ok "the monitor killed: the run says so" says "the session it had joined ended first" /tmp/left.err
end victim
quiet_again "the monitor killed"

start left root -p default
begun left
start victim root -p default
begun victim
monitor=$(monitor)
# Helpers whose parent is one: the founder's, and its guardian, are the session's; the other has a guardian of its own.
guests=$(for proc in /proc/[0-9]*; do
	one=${proc#/proc/}
	[ "$(cat "$proc/comm" 2>/dev/null)" = quietbench-help ] && [ "$one" != "$monitor" ] &&
		[ "$(cat "/proc/$(parent "$one")/comm")" = quietbench-help ] && echo "$one"
done)
is "each run is served by a process of its own, the founder's has a guardian" "$(echo $guests | wc -w)" 3
kill -KILL $guests
ok "all guests killed: the host is restored" within 20 as_before 'process/*'
end left
ok "all guests killed: the run says so" says "the helper is gone" /tmp/left.err
end victim
quiet_again "all guests killed"

start left root -p default
begun left
monitor=$(monitor)
kill -KILL "$(parent "$monitor")" "$monitor"
qb 0 "all killed: restore" root restore
end left
quiet_again "all killed"

stop_odd
done_testing
