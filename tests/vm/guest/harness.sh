# SPDX-License-Identifier: GPL-2.0-or-later
# The VM is the machine that the other tests believe it to be, and hostshot sees what changes on it.
. /qb/guest-lib.sh
# shellcheck disable=SC2034

is "root runs it" "$(id -u)" 0
is "8 CPUs" "$(cat /sys/devices/system/cpu/online)" 0-7
is "siblings" "$(cat /sys/devices/system/cpu/cpu2/topology/thread_siblings_list)" 2-3
is "two packages" "$(cat /sys/devices/system/cpu/cpu*/topology/physical_package_id | sort -u | wc -l)" 2
is "two nodes" "$(cat /sys/devices/system/node/node1/cpulist)" 4-7
is "acpi-cpufreq" "$(cat /sys/devices/system/cpu/cpufreq/policy2/scaling_driver)" acpi-cpufreq
is "one policy per core" "$(cat /sys/devices/system/cpu/cpufreq/policy2/affected_cpus)" "2 3"
is "turbo" "$(cat /sys/devices/system/cpu/cpufreq/boost)" 1
ok "the unified cgroup tree has cpuset" grep -q cpuset /sys/fs/cgroup/cgroup.controllers
is "an unprivileged user" "$(su tester -c 'id -un; id -Gn; echo >/home/tester/x && ls /home/tester')" "$(printf "tester\ntester quietbench\nx")"
managed=$(dirname /proc/irq/*/nvme0q3)
ok "a managed interrupt refuses a mask" sh -c "! echo 1 >$managed/smp_affinity"
movable=$(dirname /proc/irq/*/virtio0-input.0)

before
ok "a shot equals the next" as_before
start_odd
before
ok "a shot with odd threads equals the next" as_before
is "threads with odd masks are in it" "$(grep -c "^task/$odd_threads/.*/cpus \(05\|0a\|c0\|81\)$" /tmp/before)" 4

# changes COMMAND-TEXT UNDO-TEXT: the comparer sees the first, and nothing once it is undone
changes() {
	sh -c "$1"
	as_before >/tmp/differences && fail "seen: $1" || pass "seen: $1"
	sh -c "$2"
	ok "gone again: $2" as_before
}
changes "echo 0 >/sys/devices/system/cpu/cpufreq/boost" "echo 1 >/sys/devices/system/cpu/cpufreq/boost"
changes "echo performance >/sys/devices/system/cpu/cpufreq/policy4/scaling_governor" "echo schedutil >/sys/devices/system/cpu/cpufreq/policy4/scaling_governor"
changes "echo 03 >$movable/smp_affinity" "echo ff >$movable/smp_affinity"
changes "taskset -p 3 $odd_process" "taskset -p 12 $odd_process"
changes "renice 7 -p $odd_nice" "renice 5 -p $odd_nice"
changes "kill -STOP $odd_process" "kill -CONT $odd_process; sleep 1"
changes "mkdir /sys/fs/cgroup/x" "rmdir /sys/fs/cgroup/x"
changes "mkdir /sys/fs/cgroup/x; echo $odd_process >/sys/fs/cgroup/x/cgroup.procs" "echo $odd_process >/sys/fs/cgroup/cgroup.procs; rmdir /sys/fs/cgroup/x"
changes "echo 0 >/sys/devices/system/cpu/cpu5/online" "echo 1 >/sys/devices/system/cpu/cpu5/online"
changes "mount -t tmpfs tmpfs /home/tester" "umount /home/tester"
changes "mkdir -p /run/quietbench; echo >/run/quietbench/journal" "rm -r /run/quietbench"
exec 8<>/dev/cpu_dma_latency
printf '\005\000\000\000' >&8
ok "seen: a latency request" sh -c "! hostshot | grep -q '^/dev/cpu_dma_latency 2000000000'"
exec 8>&-
ok "gone again: the latency request" as_before
stop_odd
done_testing
