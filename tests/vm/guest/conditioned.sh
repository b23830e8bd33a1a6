# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile on 2 packages x 2 cores x 2 threads and 2 nodes: what a benchmark finds, and the exact way back.
. /qb/guest-lib.sh

policies=/sys/devices/system/cpu/cpufreq
# judge NAME OPTIONS...: runs observe as the benchmark of `quietbench run -p default OPTIONS`; the judgements that always hold
judge() {
	name=$1
	shift
	rm -f /tmp/during*
	quietbench run -p default -v -o /tmp/record "$@" -- observe >/tmp/run.out 2>/tmp/run.err
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	look_around
	mine=$policies/policy$(cut -d' ' -f1 "/sys/devices/system/cpu/cpu${cpus%%[-,]*}/cpufreq/affected_cpus")
	is "$name: stdout is the benchmark's" "$(cat /tmp/run.out)" ""
	is "$name: every line of stderr is ours" "$(grep -vc '^quietbench: ' /tmp/run.err)" 0
	is "$name: the governor" "$(shot "$mine/scaling_governor")" performance
	is "$name: boost is off" "$(shot $policies/boost)" 0
	is "$name: not above the base clock" "$(shot "$mine/scaling_max_freq")" 2400000
	is "$name: one clock" "$(shot "$mine/scaling_min_freq")" "$(shot "$mine/scaling_max_freq")"
	is "$name: the boot CPU's core is avoided" $((quiet & 3)) 0
	is "$name: no movable thread elsewhere may run on its cores" "$(intruders "$([ "$alone" = isolated ] || echo 2)")" "" # masks move neither PID 1 nor kthreadd
	is "$name: no movable interrupt may come there" "$(strays)" ""
	is "$name: the managed interrupts are where they were" "$(shots_of_managed)" "$(cat /tmp/managed)"
	ok "$name: says that managed interrupts stay" says 'kernel-managed' /tmp/run.err
	ok "$name: says restored" says '^quietbench: restored' /tmp/run.err
	ok "$name: the record is JSON" jq -e '.schema == "quietbench/record/1"' /tmp/record
	is "$name: the record's CPUs" "$(jq -r .cpus.benchmark /tmp/record)" "$cpus"
	is "$name: the record's reserved CPUs" "$(words "$(jq -r .cpus.reserved /tmp/record)")" "$(members $((quiet & ~own)))"
	is "$name: the record tells of boost" "$(jq -r '.levers[] | select(.lever == "frequency.turbo" and .status == "applied") | .before + .after' /tmp/record | sort -u)" 10
	is "$name: the record tells of the refused interrupts" "$(jq '[.levers[] | select(.lever == "irqs.move" and .status == "unsupported")] | length > 0' /tmp/record)" true
	is "$name: the record says restored" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
	ok "$name: the host is as before" within 10 as_before
	quietbench status >/tmp/status.out 2>&1
	is "$name: status afterwards" "$?" 3
}
shots_of_managed() {
	for action in /proc/irq/*/nvme0q[1-9]*; do
		irq=$(dirname "$action")
		echo "$irq $(shot "$irq/smp_affinity" "${1:-/tmp/during}")"
	done
}
# kept_awake: the CPUs where the slow idle state was off, and no other was
kept_awake() {
	for off in /sys/devices/system/cpu/cpu*/cpuidle/state*/disable; do
		[ "$(shot "$off")" = 1 ] || continue
		cpu=${off#*/cpu/cpu}
		[ "$(cat "${off%disable}latency")" = 100 ] && printf '%d ' "${cpu%%/*}" || echo "$off too"
	done
}
# wake_up CPU: the latency that was asked for it
wake_up() { shot "/sys/devices/system/cpu/cpu$1/power/pm_qos_resume_latency_us"; }

# Governors that somebody tuned: the kernel forgets that when the last policy leaves them.
echo 12345 >$policies/schedutil/rate_limit_us
echo ondemand >$policies/policy2/scaling_governor
echo 77 >$policies/ondemand/up_threshold
start_odd
before
shots_of_managed /tmp/before >/tmp/managed

judge default
is "default: one CPU" "$(words "$cpus" | wc -w)" 1
# shellcheck disable=SC2154 # guest-lib.sh
[ "$alone" = isolated ] && made=isolated balanced=root || made=none balanced=none
is "default: an isolated partition, or none" "$(partition)" "$made"
is "default: that there is none is told, and why" "$(grep -c 'cpus.isolation: no partition: this kernel' /tmp/run.err)" "$([ "$made" = isolated ]; echo $?)"
is "default: the record says why" "$(jq -r '.levers[] | select(.wanted == "isolated") | .reason != null' /tmp/record)" "$([ "$made" = isolated ] && echo false || echo true)"
is "default: the kernel's own workers are where they were" "$(workers)" ""
is "default: its sibling idles in the partition" "$(members "$quiet" | wc -w)" 2
is "default: memory of its own node" "$(cat /tmp/during.mems)" "bind:$(cd "/sys/devices/system/cpu/cpu$cpus" && echo node* | tr -dc 0-9)"
is "default: its cores do not sleep deeply, all others may" "$(kept_awake)" "$(members "$quiet")"
is "default: no latency is asked of the kernel" "$(wake_up "$cpus") $(shot /dev/cpu_dma_latency)" "0 2000000000"

judge two -n 2
is "two: two CPUs" "$(words "$cpus" | wc -w)" 2
is "two: on two cores" "$(members "$quiet" | wc -w)" 4
is "two: a root partition, which balances, or none" "$(partition)" "$balanced"

judge given -c 6-7 -s cpus.smt=share -s idle.max_latency=keep -s idle.resume_latency=0 -s idle.dma_latency=5us
is "given: exactly those CPUs" "$cpus" 6-7
is "given: idle states are kept" "$(kept_awake)" ""
is "given: its CPUs wake up at once, others as they like" "$(wake_up 6) $(wake_up 7) $(wake_up 5)" "n/a n/a 0"
is "given: and all within 5 us" "$(shot /dev/cpu_dma_latency)" 5

# The same twice at once: the second waits for the first; both leave the host as it was.
quietbench run --no-check -p default -- observe sleep 3 2>/tmp/first.err &
first=$!
within 60 [ -e /tmp/during ]
quietbench run --no-check -p default -- observe 2>/tmp/second.err
is "queued: status of the second" "$?" 0
wait "$first"
is "queued: status of the first" "$?" 0
ok "queued: the host is as before" within 10 as_before

ok "the odd threads live" kill -0 "$odd_threads"
stop_odd
done_testing
