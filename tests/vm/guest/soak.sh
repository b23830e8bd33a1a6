# SPDX-License-Identifier: GPL-2.0-or-later
# The soak: step after step somebody begins sessions, and others kill and stop them, change what they had set, take CPUs
# offline, fill /run and fork. After each step, with everybody gone and `restore` called, the whole host is as before it,
# and nobody hangs. qb.seed=S decides everything but the timing; qb.first=N and qb.last=M which steps; qb.seconds=T when
# to begin no further one.
. /qb/guest-lib.sh
# argument NAME: of the kernel's command line, qb.NAME
argument() { sed -n "s|.*qb\.$1=\([^ ]*\).*|\1|p" /proc/cmdline; }
seed=$(argument seed) step=$(argument first) last=$(argument last) end=$(argument seconds)
cpu_dir=/sys/devices/system/cpu

# draw N: a number below N, in $drawn, that depends on the seed, the step and how many were drawn in it alone
draw() {
	random=$(((random * 1103515245 + 12345) & 2147483647))
	drawn=$(((random >> 8) % $1))
}
# pick WORD...: one of them, in $picked
pick() {
	draw $#
	shift "$drawn"
	picked=$1
}
# nap MS: up to so long
nap() {
	draw "$1"
	usleep $((drawn * 1000))
}
# tell KIND TEXT: a line of the step's story, which is counted by its kind
tell() {
	echo "$1" >>/tmp/tally
	echo "  $(cut -d' ' -f1 /proc/uptime) $*" >>/tmp/story
	echo "soak: step $step: $(cut -d' ' -f1 /proc/uptime) $*" >/dev/console # read where the guest hangs
}

# ---- sessions ----
# quietbench_as WHO ARG...: in the background; its pid is the client's
begun=0 clients=""
quietbench_as() {
	begun=$((begun + 1))
	tell "$2" "$*"
	who=$1
	shift
	su "$who" -c "exec /qb/build/quietbench $*" </dev/null >"/tmp/out.$begun" 2>&1 &
	clients="$clients $!"
}
session() {
	pick root root tester
	user=$picked
	pick "-p default" "-p default" "-p default" "-p strict" "-p base"
	options=$picked
	pick "" "" "-n 2" "-s cpus.isolation=affinity" "-s process.nice=-5" "-s cpus.smt=offline" "-s irqs.irqbalance=stop"
	options="$options $picked"
	pick "sleep 0.5" "sleep 1.5" "true" "sh -c 'sleep 1 & sleep 0.5'" "sh -c 'setsid sleep 30 & sleep 0.2'" "sh -c 'for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait'"
	command=$picked
	pick run run several apply shared joined nested
	case $picked in
		run) quietbench_as "$user" run --no-check "$options" -- "$command" ;;
		several) quietbench_as "$user" run --no-check -r 3 -w 0 "$options" -- "$command" ;;
		apply) quietbench_as "$user" apply "$options" --for 1s ;;
		shared)
			pick root tester
			for one in "$user" "$picked"; do quietbench_as "$one" run --no-check --shared -p default -- "$command"; done
			;;
		joined)
			quietbench_as "$user" apply "$options" --for 5s
			nap 2500
			quietbench_as "$user" run --no-check -- "$command"
			;;
		nested) quietbench_as "$user" run --no-check "$options" -- "/qb/build/quietbench run --no-check -- $command" ;;
	esac
}

# ---- what happens to them ----
# of ROLE: the pids of those that are it at the moment
of() {
	for proc in /proc/[0-9]*; do
		read -r comm <"$proc/comm" 2>/dev/null || continue
		case $comm in quietbench*) ;; *) continue ;; esac
		parent=$(sed -n 's/^PPid:\t//p' "$proc/status" 2>/dev/null)
		read -r above <"/proc/$parent/comm" 2>/dev/null || above=""
		case $comm,$above in
			quietbench,quietbench | quietbench-fork,quietbench) role=child ;;
			quietbench,*) role=client ;;
			quietbench-help,quietbench-help) role=monitor ;; # and who serves guests
			quietbench-help,*) role=guardian ;;
			*) role=planner ;;
		esac
		case " $1 " in *" $role "*) echo "${proc#/proc/}" ;; esac
	done 2>/dev/null
}
# signal NAME ROLES
signal() {
	victims=$(of "$2" | tr '\n' ' ')
	tell "$1" "$2: $victims"
	# shellcheck disable=SC2086 # pids
	[ -z "$victims" ] || kill "-$1" $victims 2>/dev/null
}
# takes_back FILE...: a rival does, at the end: to what it was before anybody began, for what is read now may be a session's,
# and restored before the rival has written
takes_back() {
	for real; do
		sed -n "s,^$real ,,p" /tmp/before | sed "s/.*\[\(.*\)\].*/\1/; s,^,$real ," >>/tmp/changed
	done
}
# change FILE VALUE: by a rival
change() {
	[ -w "$1" ] || return 0
	takes_back "$(readlink -f "$1")"
	# The kernel sets its reserve anew with each mode of huge pages.
	[ "${1%/transparent_hugepage/enabled}" = "$1" ] || takes_back /proc/sys/vm/min_free_kbytes
	tell rival "$1 = $2"
	echo "$2" >"$1" 2>/dev/null
}
rival() {
	draw "$cpus"
	pick "$cpu_dir/cpufreq/policy0/scaling_governor powersave" "$cpu_dir/cpu$drawn/cpufreq/scaling_governor ondemand" \
		"$cpu_dir/cpu$drawn/cpufreq/scaling_max_freq 1800000" "$cpu_dir/cpufreq/boost 1" "$cpu_dir/cpufreq/boost 0" \
		"/proc/sys/kernel/watchdog 1" "/proc/sys/kernel/numa_balancing 1" "/sys/kernel/mm/ksm/run 0" \
		"/sys/devices/virtual/workqueue/cpumask f" "/sys/kernel/mm/transparent_hugepage/enabled never" \
		"$(dirname /proc/irq/*/virtio0-input.0)/smp_affinity 2" "/proc/irq/default_smp_affinity 3"
	# shellcheck disable=SC2086 # a file and a value
	change $picked
}
# A partition of a rival's, of one CPU. The kernel then widens every mask of the root group, which only who knew them can
# undo: the rival.
partition_of_rival() {
	[ -d /sys/fs/cgroup/cgroup.controllers ] || [ -e /sys/fs/cgroup/cgroup.controllers ] || return 0
	draw "$cpus"
	tell partition "of CPU $drawn"
	grep -q cpuset /sys/fs/cgroup/cgroup.subtree_control || {
		echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
		: >/tmp/enabled
	}
	: >/tmp/widened
	mkdir -p /sys/fs/cgroup/rival
	echo "$drawn" >/sys/fs/cgroup/rival/cpuset.cpus
	echo isolated >/sys/fs/cgroup/rival/cpuset.cpus.partition || return 0 # see workers in guest-lib.sh
	echo root >/sys/fs/cgroup/rival/cpuset.cpus.partition
} 2>/dev/null
hotplug() {
	draw $((cpus - 1))
	plugged=$cpu_dir/cpu$((drawn + 1))/online
	tell hotplug "${plugged%/online}"
	# virtio_net binds its interrupts to the CPUs that are online, whenever one comes or goes: a session that began in between
	# gives back what it has seen.
	for irq in /proc/irq/*/virtio*; do takes_back "${irq%/*}/smp_affinity"; done
	echo 0 >"$plugged" 2>/dev/null
	nap 1500
	echo 1 >"$plugged" 2>/dev/null
}
# A few kilobytes are left in /run.
fill() {
	draw 80
	tell full "$drawn KiB are left in /run"
	mount -o "remount,size=$(($(df -k /run | awk 'NR == 2 { print $3 }') + drawn))k" /run
}
event() {
	nap 2500
	pick KILL KILL KILL STOP STOP TERM rival rival partition hotplug full storm bind nothing
	case $picked in
		KILL)
			pick client monitor guardian "guardian monitor" "client guardian monitor" child planner
			signal KILL "$picked"
			;;
		STOP)
			pick client monitor guardian planner
			signal STOP "$picked"
			;;
		TERM)
			pick client guardian monitor
			signal TERM "$picked"
			;;
		rival) rival ;;
		partition) partition_of_rival ;;
		hotplug) hotplug ;;
		full) fill ;;
		storm)
			calm
			tell storm
			storm 05 0a 03 0f >/dev/null 2>&1 &
			storm=$!
			;;
		bind)
			draw 15
			tell bind "the nice process to mask $((drawn + 1))"
			taskset -p "$(printf %x $((drawn + 1)))" "$odd_nice" >/dev/null 2>&1
			;;
		nothing) tell nothing ;;
	esac
}

# ---- the end of a step ----
# bind PIDS: the masks that their threads had at the beginning (PIDS are joined by "\|")
bind() {
	sed -n "s,^task/\($1\)/\([0-9]*\)/.*/cpus ,\2 ,p" /tmp/before | while read -r one mask; do
		taskset -p "$mask" "$one"
	done >/dev/null 2>&1
}
running() { for one in $clients; do [ ! -e "/proc/$one" ] || return 0; done; return 1; }
ended() { ! running; }
nobody() { [ -z "$(of "client child monitor guardian planner")" ]; }
# hang WHO: what everybody is at, and whether they get on with it
hang() {
	echo "hung: $1; the journal has $(wc -c </run/quietbench/journal) bytes" >>/tmp/wrong
	for one in $(of "client child monitor guardian planner"); do
		echo "$one $(cat "/proc/$one/comm") $(sed -n 's/^State:\t//p' "/proc/$one/status"): $(cat "/proc/$one/syscall");" \
			"$(head -n 4 "/proc/$one/stack" | sed 's/.*\] //' | tr '\n' ' '); $(for fd in "/proc/$one"/fd/*; do readlink "$fd"; done | grep -v '^[a-z_]*:' | tr '\n' ' ');" \
			"$(grep '^sysc' "/proc/$one/io" | tr '\n' ' ')"
		sleep 1
		grep '^sysc' "/proc/$one/io" | tr '\n' ' '
	done >>/tmp/wrong 2>&1
}
calm() {
	[ -z "$storm" ] || { kill "$storm"; wait "$storm"; }
	storm=""
}
# Everybody goes: who is stopped is continued, or killed; the rivals take back what they did.
wind_up() {
	within 6 ended >/dev/null
	pick CONT KILL
	running && signal "$picked" client
	signal CONT "monitor guardian planner child"
	# In a storm everything takes its time; what still goes on when it is over is stuck.
	within 60 ended >/dev/null || { calm && within 60 ended >/dev/null; } || {
		hang "a client"
		signal KILL client
	}
	calm
	mount -o remount,size=256m /run
	for cpu in "$cpu_dir"/cpu[0-9]*/online; do [ "$(cat "$cpu")" = 1 ] || echo 1 >"$cpu"; done
	timeout 40 quietbench restore --lock-wait 20s >/tmp/restore.out 2>&1
	tell restore "status $?"
	# Where a rival had changed it, it is the rival's; but the rival goes, too.
	[ ! -e /run/quietbench/conflicts ] || timeout 40 quietbench restore --force >>/tmp/restore.out 2>&1
	[ ! -d /sys/fs/cgroup/rival ] || rmdir /sys/fs/cgroup/rival
	while read -r file value; do echo "$value" >"$file"; done </tmp/changed
	timeout 40 quietbench restore --force >>/tmp/restore.out 2>&1 || echo "restore --force ended with $?" >>/tmp/wrong
	[ ! -e /tmp/enabled ] || echo -cpuset >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
	rm -f /tmp/enabled
	within 10 nobody >/dev/null || hang "a helper"
	# What a session gave back under the rival's partition stays as it was then: nobody can read a mask behind a cpuset's.
	[ ! -e /tmp/widened ] || bind "[0-9]*"
	rm -f /tmp/widened
	taskset -p "$all" "$odd_nice" >/dev/null 2>&1
	for out in /tmp/out.*; do
		grep -H -e 'AddressSanitizer' -e 'BUG' "$out" >>/tmp/wrong
	done
}
judge() {
	quietbench status >/tmp/status.out 2>&1
	status="$? $(cat /tmp/status.out)"
	[ "$status" = "3 not conditioned" ] || echo "status says: $status" >>/tmp/wrong
	# The kernel takes an interrupt's thread to its interrupt's CPU, when the next one comes, and picks that CPU anew.
	within 15 as_before 'task/*/irq/*/cpus *' >>/tmp/wrong 2>&1 || echo "the host is not as before" >>/tmp/wrong
	[ -s /tmp/wrong ] || return 0
	fail "step $step: to replay it: SOAK_SEED=$seed SOAK_STEP=$step make soak" /tmp/wrong /tmp/story /tmp/restore.out /tmp/out.*
	# shellcheck disable=SC2046 # pids
	kill -KILL $(of "client child monitor guardian planner") 2>/dev/null
	quietbench restore --force >/dev/null 2>&1
	bind "[0-9]*" # what comes later is judged by itself
	before
	return 1
}

chmod 1777 /tmp
sudo_works
cpus=$(nproc)
all=$(printf %x $(((1 << cpus) - 1)))
mount -o remount,size=256m /run
start_odd 05 0a 03 06
quietbench run --no-check -q -p default -- true # the lock is there from now on
: >/tmp/tally
before
steps=0 wrong=0 storm=""
while [ "$step" -le "$last" ] && [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ]; do
	rm -f /tmp/out.*
	: >/tmp/wrong
	: >/tmp/story
	: >/tmp/changed
	: >/tmp/restore.out
	begun=0 clients="" random=$(((seed * 7919 + step * 104729) & 2147483647))
	draw 2 && draw 2 && draw 2 # neighbouring seeds part
	session
	draw 3
	events=$drawn
	while [ "$events" -gt 0 ]; do
		event
		events=$((events - 1))
	done
	draw 4
	[ "$drawn" != 0 ] || session
	wind_up
	judge || wrong=$((wrong + 1))
	# shellcheck disable=SC2086 # pids
	wait $clients
	steps=$((steps + 1)) step=$((step + 1))
done
echo "# seed $seed: $steps steps in $(cut -d. -f1 /proc/uptime) s, $wrong left something or hung: $(sort /tmp/tally | uniq -c | awk '{ printf "%s%d %s", sep, $1, $2; sep = ", " }')"
ok "there were steps" [ "$steps" -gt 0 ]
stop_odd
done_testing
