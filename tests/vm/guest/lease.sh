# SPDX-License-Identifier: GPL-2.0-or-later
# A lease of tester's: who joins it, who may not, what ends it. The host comes back exactly, whatever did.
. /qb/guest-lib.sh

# begin USER OPTION...: a lease
begin() {
	begin_user=$1
	shift
	sudo_works
	qb 0 "apply $*" "$begin_user" apply -p default "$@"
	sudo_refuses
}
# sleeper USER NAME OPTION...: a run in the background whose command sleeps; sets client, and pid to its pid
sleeper() {
	rm -f "/tmp/$2"
	su "$1" -c "/qb/build/quietbench run --no-check $3 $4 -- sh -c 'echo \$\$ >/tmp/$2; exec sleep 3600'" 2>"/tmp/$2.err" &
	client=$!
	within 60 [ -s "/tmp/$2" ] || fail "$2: it started" "/tmp/$2.err"
	pid=$(cat "/tmp/$2")
}
chmod 1777 /tmp
start_odd
before

# ---- a lease, and its owner's runs, without any way to privilege ----
begin tester --for 1h
tells apply "your shell stays on the housekeeping CPUs"
tells apply "to end it: quietbench restore"
as_before >/dev/null && fail "apply: the host stays conditioned" || pass "apply: the host stays conditioned"
qb 0 "status, for anyone" nobody status
tells status "by  *tester, since"
tells status "apply  *until .* in \\(59\\|60\\) min"
cpus=$(quietbench status --json | jq -r .session.cpus)
by tester "/qb/build/quietbench run -o /tmp/record.json -- observe" >/tmp/qb.out 2>&1
is "a run joins: status" "$?" 0
tells "a run joins" "joined the apply of user 1000"
is "a run joins: the record" "$(jq -c '[.conditioned, .restore, .cpus.benchmark]' /tmp/record.json)" "[\"joined\",null,\"$cpus\"]"
is "a run joins: the levers are the lease's" \
	"$(jq '[.levers[] | select(.lever == "irqs.move" and .status == "applied")] | length > 0' /tmp/record.json)" true
is "a run joins: its CPUs" "$(cat /tmp/during.cpus)" "$cpus"
look_around
# (under v1 nobody moves init and kthreadd)
is "a run joins: nobody else may run there" "$(intruders 2)" ""
case $(cat /tmp/during.cgroup) in
*:/quietbench/joined-*) pass "a run joins: in a group of its own" ;;
*) fail "a run joins: in a group of its own" /tmp/during.cgroup ;;
esac
qb 0 "the owner's -n" tester run --no-check -n 1 -- true
qb 125 "CPUs that are not the lease's" tester run --no-check -c 0 -- touch /tmp/started
tells "CPUs that are not the lease's" "join on CPU $cpus"
ok "CPUs that are not the lease's: nothing was started" [ ! -e /tmp/started ]
qb 0 "a run in a run in a lease" tester run --no-check -- /qb/build/quietbench run --no-check -- /qb/build/quietbench run --no-check -- true

# ---- two runs, two CPUs ----
qb 0 "the lease of one CPU ends" tester restore
quiet_again "the lease of one CPU"
begin tester --for 1h -n 2
sleeper tester first -n 1
first=$pid first_client=$client
qb 0 "a second run" tester run --no-check -n 1 -o /tmp/record.json -- true
ok "a second run: nothing to say" sh -c '! grep -q "another run" /tmp/qb.out'
ok "a second run: another CPU than the first's" [ "$(jq -r .cpus.benchmark /tmp/record.json)" != "$(list "$first")" ]
sleeper tester second -n 1
second=$pid second_client=$client
ok "two runs: a CPU each" [ "$(list "$first")" != "$(list "$second")" ]
qb 0 "a third run" tester run -n 1 -o /tmp/record.json -- true
tells "a third run" "another run's command (pid [0-9]*, user 1000), and this run shares it"
is "a third run: no probe" "$(jq .runs[0].probes /tmp/record.json)" null
qb 3 "check where commands run" tester check --duration 300ms
tells "check where commands run" "CPU $(list "$first") has another run's command (pid $first, user 1000)"
kill "$second"
wait "$second_client"
qb 0 "a run in a run" tester run --no-check -n 1 -- /qb/build/quietbench run -o /tmp/record.json -- true
ok "a run in a run: its parent is nobody else" sh -c '! grep -q "another run" /tmp/qb.out'
ok "a run in a run: a CPU that is free" [ "$(jq -r .cpus.benchmark /tmp/record.json)" != "$(list "$first")" ]
kill "$first"
wait "$first_client"
qb 0 "the lease of two CPUs ends" tester restore
quiet_again "the lease of two CPUs"
begin tester --for 1h

# ---- strangers ----
qb 125 "root does not join" root run --no-lock-wait -- true
tells "root does not join" "in use by the apply of user 1000, since .* until"
sudo_works
qb 125 "another user waits" nobody run --lock-wait 1s -- true
tells "another user waits" "waiting for the apply of user 1000"
qb 1 "another user's restore" nobody restore
tells "another user's restore" "in use by the apply of user 1000"
sudo_refuses
qb 0 "the lease stands" root status

# ---- what runs leave ----
sleeper tester other
other=$pid other_client=$client
by tester "/qb/build/quietbench run --no-check -- sh -c 'setsid sleep 3599 >/dev/null 2>&1 & sleep 1'" >/tmp/qb.out 2>&1
is "a survivor: status" "$?" 0
tells "a survivor" "still running after the command, moved back: sleep"
survivor=$(pidof sleep | tr ' ' '\n' | while read -r one; do tr '\0' ' ' <"/proc/$one/cmdline" | grep -q 3599 && echo "$one"; done)
is "a survivor: where the caller is" "$(group "$survivor")" "$(group self)"
case $(group "$other") in
/quietbench/joined-*) pass "a survivor: the other run's command stays" ;;
*) fail "a survivor: the other run's command stays: $(group "$other")" ;;
esac
kill "$survivor"
sleeper tester victim
kill -KILL "$(parent "$pid")"
ok "a client killed: its benchmark ends" within 20 gone "$pid"
ok "a client killed: the other's goes on" kill -0 "$other"
qb 0 "a client killed: the lease stands" root status

# ---- its end ----
qb 0 "renewing" tester apply --for 2h -p strict
tells renewing "renewed with its present settings: [a-z]*, CPU $cpus"
qb 0 "renewed" root status
tells renewed "apply  *until .* in \\(119 min\\|2 h\\)"
qb 0 "the owner's restore" tester restore
tells "the owner's restore" "^quietbench: restored"
tells "the owner's restore" "moved back: .*sleep"
ok "the owner's restore: the run goes on" kill -0 "$other"
is "the owner's restore: it may run everywhere" "$(list "$other")" "$(cat /sys/devices/system/cpu/online)"
kill "$other"
wait "$other_client"
ok "the owner's restore: the run says so" says "the session it had joined ended first" /tmp/other.err
quiet_again "the owner's restore"

begin tester --for 4s
sleeper tester late
ok "a lease of 4 s: the host is restored, with a run in it" within 20 as_before 'process/*'
ok "a lease of 4 s: the run goes on" kill -0 "$pid"
kill "$pid"
wait "$client"
ok "a lease of 4 s: the run says so" says "the session it had joined ended first" /tmp/late.err
quiet_again "a lease of 4 s"

sleep 3598 &
awaited=$!
sudo_works
qb 1 "--while somebody else's process" tester apply --while $awaited
tells "--while somebody else's process" "that process belongs to user 0"
qb 1 "--while no process" tester apply --while 999999
quiet_again "--while in vain"
qb 0 "--while" root apply -p default --while $awaited
qb 0 "--while: status" root status
tells "--while: status" "as long as process $awaited lives"
kill $awaited
wait $awaited
quiet_again "--while"

begin tester --for 1h
qb 0 "root's restore" root restore
quiet_again "root's restore"

# ---- kills ----
begin tester --for 1h
sleeper tester witness
kill -KILL "$(monitor)"
ok "monitor killed: the guardian restores" within 20 as_before 'process/*'
ok "monitor killed: the run goes on" kill -0 "$pid"
kill "$pid"
wait "$client"
ok "monitor killed: the run says so" says "the session it had joined ended first" /tmp/witness.err
quiet_again "monitor killed"

begin tester --for 1h
monitor=$(monitor)
kill -KILL "$(parent "$monitor")" "$monitor"
qb 1 "all killed: status" root status
qb 0 "all killed: restore" root restore
quiet_again "all killed"

begin tester --for 1h
kill -TERM "$(parent "$(monitor)")"
quiet_again "helper asked to end"

# ---- a run in a run ----
rm -f /tmp/during*
quietbench run --no-check -p default -- sh -c 'cat /proc/self/cgroup >/tmp/outer; quietbench run --no-check -o /tmp/record.json -- observe sh -c "setsid sleep 3597 & sleep 1";
	cat /proc/self/cgroup >/tmp/outer.after; quietbench apply; echo "apply: $?"' >/tmp/qb.out 2>&1
is "a run in a run: status" "$?" 0
is "a run in a run: the record" "$(jq -r .conditioned /tmp/record.json)" joined
is "a run in a run: the CPUs are the same" "$(cat /tmp/during.cpus)" "$(jq -r .cpus.benchmark /tmp/record.json)"
ok "a run in a run: the outer one stays where it is" cmp /tmp/outer /tmp/outer.after
is "a run in a run: both survivors' reports" "$(grep -c 'moved back: sleep' /tmp/qb.out)" 2
tells "apply in a run" "apply: .*inside"
tells "apply in a run" "^apply: 1"
kill "$(pidof sleep | tr ' ' '\n' | while read -r one; do tr '\0' ' ' <"/proc/$one/cmdline" | grep -q 3597 && echo "$one"; done)"
quiet_again "a run in a run"

stop_odd
done_testing
