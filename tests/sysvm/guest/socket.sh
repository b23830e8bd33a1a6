# SPDX-License-Identifier: GPL-2.0-or-later
# Socket activation through a real systemd. `sudo` is away: nobody here has another way.
. /qb/debian-lib.sh
chmod 0 "$(command -v sudo)"

systemd-sysusers && usermod -aG quietbench tester

as() { user=$1 && shift && su -s /bin/sh "$user" -c "$*"; }
# begin: a run of tester's, whose command waits for /tmp/go
begin() {
	rm -f /tmp/during* /tmp/go /tmp/record
	as tester "/qb/build/quietbench run --no-check -v -o /tmp/record -p default -- observe sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done'" \
		>/tmp/run.out 2>/tmp/run.err &
	client=$!
	within 120 [ -e /tmp/during ] || { fail "the benchmark started" /tmp/run.err; done_testing; }
	monitor=$(quietbench status --json | jq -r .session.monitor)
	guardian=$(sed -n 's/^PPid:\t//p' "/proc/$monitor/status")
	unit=$(sed -n 's|^0::.*/||p' "/proc/$monitor/cgroup")
}
end() {
	touch /tmp/go
	wait "$client"
	ended=$?
}
not_conditioned() { quietbench status >/tmp/status.out; [ $? = 3 ] || { cat /tmp/status.out; false; }; }
no_session() { [ -z "$(systemctl list-units --all --no-legend 'quietbench@*')" ]; }
judge() {
	ok "$1: not conditioned any more" within 30 not_conditioned
	ok "$1: no unit stays" within 30 no_session
	ok "$1: the host and every unit are as before" within 60 host_as_before
}

is "the folder of the state is there before anybody ran" "$(stat -c '%U %a' /run/quietbench)" "root 755"
systemctl start quietbench.socket
is "the socket is the group's" "$(stat -c '%U %G %a' /run/quietbench.socket)" "root quietbench 660"
host_before
as tester "/qb/build/quietbench doctor" >/tmp/doctor.out 2>&1
ok "doctor, for a member" says '^privilege  /run/quietbench.socket$' /tmp/doctor.out
as nobody "/qb/build/quietbench doctor" >/tmp/doctor.out 2>&1
ok "doctor, for a stranger" says '^privilege  none: /run/quietbench.socket is for the group quietbench' /tmp/doctor.out
as nobody "/qb/build/quietbench run --no-check -- true" >/tmp/run.err 2>&1
ok "a stranger runs without" says 'NOT CONDITIONED' /tmp/run.err
ok "no session stays" within 30 no_session

begin
case $unit in quietbench@*.service) pass "a member: the monitor is a unit: $unit" ;; *) fail "a member: the monitor is in $unit" ;; esac
is "a member: it sees the mounts of all" "$(readlink "/proc/$monitor/ns/mnt")" "$(readlink /proc/1/ns/mnt)"
is "a member: guardian and monitor survive a shortage" "$(cat "/proc/$guardian/oom_score_adj" "/proc/$monitor/oom_score_adj" | tr '\n' ' ')" "-1000 -1000 "
look_around
is "a member: an isolated partition" "$(partition)" isolated
is "a member: no movable thread elsewhere may run on its core" "$(intruders)" ""
end
sed 's/^/# /' /tmp/run.err
is "a member: status" "$ended" 0
is "a member: restored" "$(restored)" '[true,[],[]]'
is "a member: no lever failed" "$(jq -c '[.levers[] | select(.status == "failed") | .lever, .reason]' /tmp/record)" '[]'
is "a member: the record is his" "$(stat -c %U /tmp/record)" tester
judge "a member"
# The unit's own filter of system calls lets the helper look, too.
as tester "/qb/build/quietbench check -q -p default --conditioned --duration 1s --json" >/tmp/check 2>/tmp/check.err
is "a member: the helper sees for him who runs on his CPU" "$(jq -r '.of[0].names_by' /tmp/check)" switches
judge "a member's check"

begin
ok "stopped: it is told" systemctl stop --no-block "$unit"
ok "stopped: not conditioned while the benchmark runs on" within 30 not_conditioned
end
[ "$ended" = 0 ] || sed 's/^/# /' /tmp/run.err
is "stopped: the benchmark had its own end" "$ended" 0
judge "stopped"

begin
kill -9 "$guardian" "$monitor"
ok "killed: the unit's end recovers" within 30 not_conditioned
end
judge "killed"
is "nothing has failed" "$(systemctl list-units --failed --no-legend --no-pager)" ""
done_testing
