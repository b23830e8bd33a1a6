# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile where systemd owns the groups and irqbalance the interrupts: what a benchmark finds, whoever
# started it, and the exact way back.
. /qb/debian-lib.sh

# judge NAME: what holds whoever ran observe
judge() {
	sed 's/^/# /' /tmp/run.err
	look_around
	is "$1: one CPU and its sibling" "$(words "$cpus" | wc -w) $(members "$quiet" | wc -w)" "1 2"
	is "$1: an isolated partition" "$(partition)" isolated
	ok "$1: the benchmark is in a scope of its own" grep -q '^0::/quietbench.slice/quietbench[^/]*\.scope$' /tmp/during.cgroup
	is "$1: no movable thread elsewhere may run on its core" "$(intruders)" ""
	is "$1: restored" "$(restored)" '[true,[],[]]'
	ok "$1: the host is as before" within 120 host_as_before
}
# irqbalance does what it was told when it next wakes up, and is deaf for as long after each word: some ten seconds each.
core_banned() { banned=$(banned) && [ $((banned & quiet)) = "$quiet" ]; }
nothing_banned() { banned=$(banned) && [ "$banned" = 0 ]; }
# Systemd reads its units anew and starts one, which both touch groups.
meanwhile() {
	systemctl daemon-reload
	systemd-run --quiet --unit=late sleep 3600
	late_cpus=$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$(systemctl show -p MainPID --value late)/status")
	systemctl stop late
	still=$(cat /sys/fs/cgroup/quietbench.slice/cpuset.cpus.partition)
	look_around
	within 60 core_banned
}

is "these tests are a service" "$(cat /proc/self/cgroup)" 0::/system.slice/payload.service
oddthreads 05 0a 01 >/tmp/odd.out &
within 20 grep -q ready /tmp/odd.out
host_before
options="-p default"
with meanwhile
is "a service: status" "$ended" 3
judge "a service"
policies=/sys/devices/system/cpu/cpufreq
mine=$policies/policy$(cut -d' ' -f1 "/sys/devices/system/cpu/cpu$cpus/cpufreq/affected_cpus")
is "a service: the governor" "$(shot "$mine/scaling_governor")" performance
is "a service: boost is off" "$(shot $policies/boost)" 0
is "a service: no movable interrupt may come to its core" "$(strays)" ""
is "a service: irqbalance is banned from the core" $((banned & quiet)) "$quiet"
ok "a service: afterwards from nothing" within 60 nothing_banned
set_of "$late_cpus"
is "a service: a unit that starts meanwhile stays off the core" $((set & quiet)) 0
is "a service: and the partition stays isolated" "$still" isolated

# session USER COMMAND: runs the benchmark COMMAND from a login of USER
session() {
	rm -f /tmp/during* /tmp/record /tmp/home
	as "$1" "sed -n 's/^0:://p' /proc/self/cgroup >/tmp/home; exec quietbench run -v -o /tmp/record -p default -- $2" >/tmp/run.out 2>/tmp/run.err
	is "a session of $1: status" "$?" 0
	ok "a session of $1: it was one" grep -q '/session-[^/]*\.scope$' /tmp/home
}
session root observe
judge "a session of root"

# An ordinary user, whom sudo lets start the helper and nothing else: the benchmark is the user's.
echo 'member ALL=(root) NOPASSWD: /qb/build/quietbench-helper' >/etc/sudoers.d/quietbench
session member "id -u"
sed 's/^/# /' /tmp/run.err
is "a session of member: the benchmark is the user's" "$(cat /tmp/run.out)" "$(id -u member)"
is "a session of member: the partition was there" "$(jq -r '.levers[] | select(.unit == "partition") | .status' /tmp/record)" applied
is "a session of member: the record is the user's" "$(stat -c %U /tmp/record)" member
is "a session of member: restored" "$(restored)" '[true,[],[]]'
ok "a session of member: the host is as before" within 120 host_as_before

# Whom nobody lets: the benchmark runs, and nothing else is done.
session tester "id -u"
is "a session of tester: the benchmark is the user's" "$(cat /tmp/run.out)" "$(id -u tester)"
ok "a session of tester: it says so" says 'NOT CONDITIONED' /tmp/run.err
ok "a session of tester: the host is as before" within 120 host_as_before

ok "the masks of all interrupts come back exactly" masks_come_back
done_testing
