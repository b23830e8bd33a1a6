# SPDX-License-Identifier: GPL-2.0-or-later
# cpus.smt=offline on 8 CPUs in pairs: siblings are gone while it runs, and all that the kernel forgets with them is back
# afterwards. CPU 3 the admin has taken offline: it stays so throughout.
. /qb/guest-lib.sh

sys=/sys/devices/system/cpu
list='/run/quietbench/conflicts*' # before Linux 6.3 CPU 3 is owed to every thread
online() { cat $sys/online; }

# An admin's settings that hang on CPU 7, the sibling of CPU 6 which the benchmark gets.
echo 0 >$sys/cpu3/online
echo powersave >$sys/cpu7/cpufreq/scaling_governor
echo 1800000 >$sys/cpu7/cpufreq/scaling_max_freq
for action in virtio0-input.0 virtio0-output.0 nvme0q0; do
	echo 80 >"$(dirname "/proc/irq/"*/$action)/smp_affinity"
done
start_odd
oddthreads 80 c1 90 >/dev/null &
pinned=$!
taskset 80 sh -c 'while :; do usleep 100000; done' & # wakes all the time: the kernel must let it run elsewhere
awake=$!
if [ -d /sys/fs/cgroup/cpuset ]; then
	other=/sys/fs/cgroup/cpuset/other
	mkdir -p $other/nested
	for group in $other $other/nested; do
		echo 2,7 >$group/cpuset.cpus
		echo 0-1 >$group/cpuset.mems
	done
else
	other=/sys/fs/cgroup/other
	echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $other
	echo 2,7 >$other/cpuset.cpus
fi
oddthreads 80 04 84 >/dev/null &
grouped=$!
echo "$grouped" >$other/cgroup.procs
usleep 500000
for thread in /proc/"$grouped"/task/*; do # entering a group sets all masks to the group's
	[ "${thread##*/}" = "$grouped" ] || taskset -p 80 "${thread##*/}" >/dev/null
done
before

# judge NAME OFFLINE OPTIONS...: the benchmark sees OFFLINE (a list) and CPU 3 missing, and nobody else on its CPUs
judge() {
	name=$1 offline=$2
	shift 2
	rm -f /tmp/during*
	quietbench run -p default -s check.duration=200ms -o /tmp/record -s cpus.smt=offline "$@" -- observe >/tmp/run.out 2>/tmp/run.err
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	look_around
	quiet=$own # the kernel leaves the bits of offline CPUs in masks
	set_of "$offline,3"
	is "$name: offline while it runs" "$(during_offline)" "$(members $set)"
	is "$name: the record's offline CPUs" "$(jq -r .cpus.offline /tmp/record)" "$offline"
	is "$name: none is reserved" "$(jq -r .cpus.reserved /tmp/record)" ""
	is "$name: the record tells of each" "$(jq '[.levers[] | select(.lever == "cpus.smt" and .wanted == "0" and .status == "applied" and .restored == "yes")] | length' /tmp/record)" "$(words "$offline" | wc -w)"
	is "$name: nothing failed" "$(jq -c '[.levers[] | select(.status == "failed")]' /tmp/record)" '[]'
	is "$name: restored without conflicts" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
	ok "$name: the host is as before" within 10 as_before "$list"
	is "$name: CPU 3 is still offline" "$(online)" 0-2,4-7
}
during_offline() {
	for number in 1 2 3 4 5 6 7; do
		[ "$(shot $sys/cpu$number/online)" = 1 ] || printf '%d ' $number
	done
}

judge default 7
is "default: the sibling's core is the benchmark's alone" "$cpus" 6
ok "default: the first line says so" says '(sibling 7 offline)' /tmp/run.err
is "default: no movable thread elsewhere may run there" "$(intruders 2)" ""
is "default: no movable interrupt may come there" "$(strays)" ""
judge "two cores" 5,7 -n 2
judge "affinity" 7 -s cpus.isolation=affinity
judge "nobody moved" 7 -s cpus.isolation=none -s irqs.move=false
judge "nothing else" 7 -p minimal -c 6

# who cannot go
quietbench run --no-check -p default -s cpus.smt=offline -c 1 -s 'cpus.avoid=[]' -o /tmp/record -- true 2>/tmp/run.err
is "CPU 0 has no switch: status" "$?" 0
is "CPU 0 has no switch: kept idle" "$(jq -r '.cpus | .reserved + "/" + .offline' /tmp/record)" 0/
quietbench run --no-check -p default -s cpus.smt=offline -c 1 --require cpus.smt -- touch /tmp/started 2>/tmp/run.err
is "required, and CPU 0 is for housekeeping: status" "$?" 125
sed 's/^/# /' /tmp/run.err
ok "required, and CPU 0 is for housekeeping: nothing ran" [ ! -e /tmp/started ]
if [ -d /sys/fs/cgroup/cpuset ]; then
	echo 7 >$other/nested/cpuset.cpus
	before
	quietbench run --no-check -p default -s cpus.smt=offline -o /tmp/record -- true 2>/tmp/run.err
	is "a cpuset of nothing but the sibling: status" "$?" 0
	is "a cpuset of nothing but the sibling: kept idle" "$(jq -r '.cpus | .reserved + "/" + .offline' /tmp/record)" 7/
	ok "a cpuset of nothing but the sibling: as before" within 10 as_before "$list"
	echo 2,7 >$other/nested/cpuset.cpus
	before
fi

# the monitor dies
rm -f /tmp/benchmark
quietbench run --no-check -p default -s cpus.smt=offline -- sh -c 'echo $$ >/tmp/benchmark; exec sleep 3600' 2>/tmp/run.err &
client=$!
ok "to be killed: it runs" within 60 [ -s /tmp/benchmark ]
is "to be killed: CPU 7 is offline" "$(online)" 0-2,4-6
for one in $(grep -l '^quietbench-h' /proc/[0-9]*/comm | cut -d/ -f3); do
	case $(cat "/proc/$(sed -n 's/^PPid:\t//p' "/proc/$one/status")/comm") in quietbench-h*) monitor=$one ;; esac
done
kill -KILL "$monitor"
ok "monitor killed: the host is restored" within 20 as_before 'process/*' "$list"
kill -TERM "$(cat /tmp/benchmark)" 2>/dev/null
ok "monitor killed: the client ends" within 20 gone "$client"
ok "monitor killed: the host is as before" within 20 as_before "$list"

# A rival takes CPU 7 back while it runs: what driver and kernel make of masks then is not ours any more, unless asked.
quietbench run --no-check -p default -s cpus.smt=offline -o /tmp/record -- sh -c "echo 1 >$sys/cpu7/online" 2>/tmp/run.err
is "woken meanwhile: status" "$?" 0
is "woken meanwhile: CPU 7 stays" "$(online)" 0-2,4-7
is "woken meanwhile: nothing failed to come back" "$(jq -c '.restore.failures' /tmp/record)" '[]'
quietbench restore --force >/tmp/restore.out 2>&1
sed 's/^/# /' /tmp/restore.out
ok "woken meanwhile, forced: the host is as before" within 10 as_before "$list"

# the benchmark's own
quietbench run --no-check -p default -s process.core_sched=true -o /tmp/record -- true 2>/tmp/run.err
is "core scheduling: the cloud kernel has none, and the run goes on" "$? $(jq -r '.levers[] | select(.lever == "process.core_sched") | .status' /tmp/record)" "0 unsupported"
ok "core scheduling: says what the kernel lacks" says CONFIG_SCHED_CORE /tmp/run.err
if [ ! -d /sys/fs/cgroup/cpuset ]; then
	locked() {
		# shellcheck disable=SC2016 # the benchmark's own group
		quietbench run --no-check -p default -s process.lock=true -o /tmp/record -- \
			sh -c 'cat "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/memory.swap.max"' >/tmp/run.out 2>/tmp/run.err
		jq -r '.levers[] | select(.lever == "process.lock") | .status' /tmp/record
	}
	is "no memory controller: swap is not kept off, and the run goes on" "$(locked)" unsupported
	ok "no memory controller: says what to do" says 'echo +memory' /tmp/run.err
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	before
	is "memory controller: swap is kept off" "$(locked) $(cat /tmp/run.out)" "applied 0"
	ok "memory controller: the host is as before" within 10 as_before "$list"
fi

ok "the threads live" kill -0 "$pinned" "$awake" "$grouped"
kill "$pinned" "$awake" "$grouped"
stop_odd
done_testing
