# SPDX-License-Identifier: GPL-2.0-or-later
# A job's service that is stopped or killed, a user who is logged out, a lease that outlives its owner's session, and an
# administrator's own limits: the host comes back exactly.
. /qb/debian-lib.sh

echo 'member ALL=(root) NOPASSWD: /qb/build/quietbench-helper' >/etc/sudoers.d/quietbench
# A benchmark that notes when it is asked to end, and one that will not
asked="observe sh -c 'trap \"echo asked >/tmp/asked; exit 9\" TERM HUP; echo \$\$ >/tmp/benchmark; while :; do sleep 0.2; done'"
stubborn="observe sh -c 'trap \"\" TERM HUP; echo \$\$ >/tmp/benchmark; exec sleep 3600'"
anew() { rm -f /tmp/during* /tmp/benchmark /tmp/asked /tmp/record; }
# begun NAME: waits for the benchmark, and looks around
begun() {
	within 300 [ -s /tmp/benchmark ] || { fail "$1: the benchmark started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/benchmark)
	look_around
	is "$1: an isolated partition" "$(partition)" isolated
	is "$1: no movable thread elsewhere may run on its core" "$(intruders)" ""
	scope=$(sed -n 's/^0:://p' "/proc/$benchmark/cgroup")
}
# back NAME
back() {
	ok "$1: the benchmark has ended" within 20 gone "$benchmark"
	ok "$1: the host and every unit are as before" within 120 host_as_before
	quietbench status >/tmp/status.out 2>&1
	is "$1: status afterwards" "$?" 3
}

# job NAME PROPERTY...: a run in a service of its own
job() {
	anew
	name=$1
	shift
	echo "exec quietbench run --no-check -p default -- $asked 2>/tmp/run.err" >/tmp/job
	systemd-run --quiet --collect --unit=job --setenv=PATH="$PATH" "$@" sh /tmp/job
	begun "$name"
}
host_before
job "a job stopped" -p MemoryMax=200M -p TasksMax=50
is "a job stopped: its limits hold for the benchmark" \
	"$(cat "/sys/fs/cgroup$scope/memory.max" "/sys/fs/cgroup$scope/pids.max" | tr '\n' ' ')" "209715200 50 "
systemctl stop job
back "a job stopped"
is "a job stopped: the benchmark was asked" "$(cat /tmp/asked)" asked
job "a job killed"
systemctl kill -s KILL job
back "a job killed"


# logged_out NAME COMMAND: a run in a session of member, which is ended
logged_out() {
	anew
	as member "exec quietbench run --no-check -p default -- $2" 2>/tmp/run.err &
	begun "$1"
	loginctl terminate-user member
	back "$1"
	wait
}
logged_out "a user logged out" "$asked"
is "a user logged out: the benchmark was asked" "$(cat /tmp/asked)" asked
logged_out "a user logged out, a stubborn benchmark" "$stubborn"

# sudo waits for its helper, in the session that it comes from: the user is never quite gone.
as member "quietbench apply -p default --for 10m" >/tmp/apply.out 2>&1
is "a lease: status" "$?" 0
ok "a lease: its owner is gone" within 30 sh -c '[ "$(loginctl show-user -p State --value member)" = closing ]'
anew
as member "exec quietbench run --no-check -o /tmp/record -- observe" >/tmp/run.out 2>/tmp/run.err
is "a lease: his next session's run" "$? $(jq -r .conditioned /tmp/record)" "0 joined"
look_around
is "a lease: an isolated partition" "$(partition)" isolated
ok "a lease: the run has a scope of its own" grep -q '^0::/quietbench.slice/quietbench-joined-[0-9]*\.scope$' /tmp/during.cgroup
is "a lease: no movable thread elsewhere may run on its core" "$(intruders)" ""
as member "quietbench restore" >/tmp/restore.out 2>&1
is "a lease: restore" "$?" 0
ok "a lease: the host and every unit are as before" within 120 host_as_before

# The controller is on already, and a unit is bound to the very CPUs.
systemctl set-property cron.service AllowedCPUs=2-3
systemctl set-property --runtime system.slice CPUWeight=50
mkdir -p /etc/systemd/system/bound.service.d
printf '[Service]\nExecStart=sleep infinity\n' >/etc/systemd/system/bound.service
printf '[Service]\nCPUAffinity=3\n' >/etc/systemd/system/bound.service.d/cpu.conf
systemctl daemon-reload && systemctl start bound.service
host_before
options="-p default"
with true
sed 's/^/# /' /tmp/run.err
look_around
is "an administrator's limits: status" "$ended" 3
is "an administrator's limits: an isolated partition" "$(partition)" isolated
is "an administrator's limits: no movable thread elsewhere may run on its core" "$(intruders)" ""
is "an administrator's limits: restored" "$(restored)" '[true,[],[]]'
ok "an administrator's limits: the host and every unit are as before" within 120 host_as_before

# A neighbour in the tree has the CPUs for himself as well: nobody can have them alone.
systemctl set-property --runtime system.slice AllowedCPUs=0-3
host_before
with true
sed 's/^/# /' /tmp/run.err
is "a neighbour's CPUs: status" "$ended" 3
is "a neighbour's CPUs: no partition" "$(of cpus.isolation partition)" failed
is "a neighbour's CPUs: restored" "$(restored)" '[true,[],[]]'
ok "a neighbour's CPUs: the host and every unit are as before" within 120 host_as_before
done_testing
