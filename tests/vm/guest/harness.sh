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
is "threads with odd masks are in it" "$(grep -c "^task/$odd_threads/.*/cpus \(5\|a\|c0\|81\)$" /tmp/before)" 4

# change DIFFERENCE COMMAND UNDO: makes a change that `judge` must see; DIFFERENCE is a pattern of the line that tells it
change() {
	echo "$1" >>/tmp/patterns
	echo "$3" >>/tmp/undo
	sh -c "$2"
}
# judge TEXT: the comparer sees each of the changes, and nothing once they are undone, the last first
judge() {
	as_before >/tmp/differences
	is "$1: the comparer says so" "$?" 1
	while read -r pattern; do
		ok "$1: seen: $pattern" says "^$pattern" /tmp/differences
	done </tmp/patterns
	sed '1!G;h;$!d' /tmp/undo | sh >/dev/null
	ok "$1: undone: nothing to see" within 5 as_before
	rm /tmp/patterns /tmp/undo
}
cpu=/sys/devices/system/cpu
change "changed $cpu/cpufreq/boost 1 -> 0$" "echo 0 >$cpu/cpufreq/boost" "echo 1 >$cpu/cpufreq/boost"
change "changed $cpu/cpufreq/policy4/scaling_governor schedutil -> performance$" \
	"echo performance >$cpu/cpufreq/policy4/scaling_governor" "echo schedutil >$cpu/cpufreq/policy4/scaling_governor"
change "changed $movable/smp_affinity ff -> 03$" "echo 03 >$movable/smp_affinity" "echo ff >$movable/smp_affinity"
change "changed task/$odd_process/.*/cpus 12 -> 3$" "taskset -p 3 $odd_process >/dev/null" "taskset -p 12 $odd_process"
change "changed task/$odd_nice/.*/sched .*nice=5.*nice=7" "renice 7 -p $odd_nice" "renice 5 -p $odd_nice"
change "changed task/$odd_process/.*/sched .*stopped$" "kill -STOP $odd_process" "kill -CONT $odd_process"
change "new /sys/fs/cgroup/x/ folder$" "mkdir /sys/fs/cgroup/x" "rmdir /sys/fs/cgroup/x"
change "changed task/$odd_nice/.*/cgroup 0::/ -> 0::/x$" "echo $odd_nice >/sys/fs/cgroup/x/cgroup.procs" "echo $odd_nice >/sys/fs/cgroup/cgroup.procs"
change "new mount/home/tester " "mount -t tmpfs tmpfs /home/tester" "umount /home/tester"
change "new /run/quietbench/journal " "mkdir -p /run/quietbench; echo >/run/quietbench/journal" "rm -r /run/quietbench"
mkfifo /tmp/release
sh -c 'exec 8<>/dev/cpu_dma_latency && printf "\005\000\000\000" >&8 && read -r go </tmp/release' &
change "changed /dev/cpu_dma_latency 2000000000 -> 5$" : "echo go >/tmp/release"
judge "many changes"
change "changed $cpu/cpu5/online 1 -> 0$" "echo 0 >$cpu/cpu5/online" "echo 1 >$cpu/cpu5/online"
judge "an offline CPU"
stop_odd
done_testing
