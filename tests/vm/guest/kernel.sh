# SPDX-License-Identifier: GPL-2.0-or-later
# kernel.*, irqs.network, perf.* and memory.* on a real kernel. Many of these attributes move each other when they are
# written; each case starts from a state in which a naive restore would leave something different behind.
. /qb/guest-lib.sh

kernel=/proc/sys/kernel
vm=/proc/sys/vm
huge=/sys/kernel/mm/transparent_hugepage
workqueue=/sys/devices/virtual/workqueue
rps=/sys/class/net/eth0/queues/rx-0/rps_cpus

# put VALUE FILE: sets up a case
put() { echo "$1" >"$2" || fail "set up $2 as $1"; }
# judge NAME -s KEY=VALUE...: runs observe so; the judgements that always hold
judge() {
	name=$1
	shift
	before
	rm -f /tmp/during*
	quietbench run --no-check -p base -v -o /tmp/record "$@" -- observe >/tmp/run.out 2>/tmp/run.err
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	look_around
	ok "$name: the record says restored" jq -e '.restore | .complete and .conflicts == [] and .failures == []' /tmp/record
	ok "$name: the host is as before" within 10 as_before
}
# during FILE VALUE: what the benchmark saw
during() { is "$name: $(basename "$1") during the run" "$(shot "$1")" "$2"; }
# lever KEY: status and reason in the record
lever() { jq -r --arg key "$1" '.levers[] | select(.lever == $key) | "\(.status) \(.reason)"' /tmp/record; }
drops() { sed -n 's/^drop_pagecache //p' /proc/vmstat; }

# A partition moves the threads of this kernel's schedutil, which nobody may move back.
for governor in /sys/devices/system/cpu/cpufreq/policy*/scaling_governor; do put performance "$governor"; done

# ---- everything at once, from what a kernel boots with ----
put f $rps
put always $huge/enabled
put 1 /sys/kernel/mm/ksm/run
put 1 $kernel/numa_balancing
put 1 $vm/zone_reclaim_mode
dropped=$(drops)
judge everything -c 3 -s irqs.network=housekeeping -s kernel.workqueues=housekeeping -s kernel.watchdog=false \
	-s kernel.watchdog_cpus=housekeeping -s kernel.timer_migration=false -s kernel.stat_interval=120s \
	-s kernel.autogroup=false -s perf.paranoid=-1 -s perf.kptr_restrict=1 -s perf.max_sample_rate=50000 \
	-s perf.cpu_percent=0 -s memory.thp=never -s memory.thp_defrag=defer -s memory.thp_shmem=advise -s memory.ksm=false \
	-s memory.numa_balancing=false -s memory.compaction=0 -s memory.zone_reclaim=0 -s memory.dirty_ratio=30 \
	-s memory.dirty_background_ratio=7 -s memory.drop_caches=true
is "everything: in a partition" "$(partition)" isolated
is "everything: the benchmark's core" "$quiet" 12
is "everything: packets" $((0x$(shot $rps))) 3
is "everything: unbound work" $((0x$(shot $workqueue/cpumask))) 3
is "everything: writeback" $((0x$(shot $workqueue/writeback/cpumask))) 3
during $kernel/watchdog 0
during $kernel/soft_watchdog 0
during $kernel/watchdog_cpumask 0-1
during $kernel/timer_migration 0
during $vm/stat_interval 120
during $kernel/sched_autogroup_enabled 0
during $kernel/perf_event_paranoid -1
during $kernel/kptr_restrict 1
during $kernel/perf_event_max_sample_rate 50000
during $kernel/perf_cpu_time_max_percent 0
during $huge/enabled 'always madvise [never]'
during $huge/defrag 'always [defer] defer+madvise madvise never'
during $huge/shmem_enabled 'always within_size [advise] never deny force'
ok "everything: without huge pages less is kept free" \
	[ "$(shot $vm/min_free_kbytes)" -lt "$(shot $vm/min_free_kbytes /tmp/before)" ]
during /sys/kernel/mm/ksm/run 0
during $kernel/numa_balancing 0
during $vm/compaction_proactiveness 0
during $vm/zone_reclaim_mode 0
during $vm/dirty_ratio 30
during $vm/dirty_background_ratio 7
is "everything: the caches were dropped once" $(($(drops) - dropped)) 1
is "everything: and that leaves nothing to restore" \
	"$(jq -r '.levers[] | select(.lever == "memory.drop_caches") | "\(.status) \(.restored)"' /tmp/record)" "applied yes"

# ---- perf's rate cannot be written as long as the percentage is 0 or 100 ----
quick="-s cpus.isolation=none"
put 63000 $kernel/perf_event_max_sample_rate
for percent in 0 100; do
	put $percent $kernel/perf_cpu_time_max_percent
	judge "rate at $percent %" $quick -s perf.max_sample_rate=50000
	during $kernel/perf_event_max_sample_rate 50000
	during $kernel/perf_cpu_time_max_percent $percent
done
judge "rate from 100 % to 0 %" $quick -s perf.max_sample_rate=50000 -s perf.cpu_percent=0
during $kernel/perf_event_max_sample_rate 50000
during $kernel/perf_cpu_time_max_percent 0
judge "only the percentage" $quick -s perf.cpu_percent=40
during $kernel/perf_cpu_time_max_percent 40

# ---- bytes in force instead of ratios, which zero each other; a reserve of the administrator's, which huge pages raise ----
put 67108864 $vm/dirty_bytes
put 33554432 $vm/dirty_background_bytes
put never $huge/enabled
put 2000 $vm/min_free_kbytes
judge bytes $quick -s memory.dirty_ratio=30 -s memory.dirty_background_ratio=7 -s memory.thp=always
during $vm/dirty_ratio 30
during $vm/dirty_bytes 0
during $vm/dirty_background_ratio 7
during $vm/dirty_background_bytes 0
ok "bytes: huge pages raise the reserve" [ "$(shot $vm/min_free_kbytes)" -gt 2000 ]

# The reserve stands right while huge pages are off, and is moved by the very restore that brings them back.
put always $huge/enabled
put 6000 $vm/min_free_kbytes
put 10 $vm/dirty_background_ratio # bytes are in force for the other one
judge reserve $quick -s memory.thp=never -s memory.dirty_ratio=0 -s memory.dirty_background_ratio=0
during $vm/min_free_kbytes 6000
during $vm/dirty_ratio 0
during $vm/dirty_background_ratio 0
during $vm/dirty_background_bytes 0

# ---- the lockup detectors: three switches, each of which changes what the others read ----
put 0-2 $kernel/watchdog_cpumask
put 0 $kernel/watchdog
judge "detector on" $quick -s kernel.soft_watchdog=true
during $kernel/watchdog 1
during $kernel/soft_watchdog 1
judge "detectors on" $quick -s kernel.watchdog=true
during $kernel/watchdog 1
during $kernel/soft_watchdog 1
is "detectors on: says why one is not" "$(lever kernel.nmi_watchdog | grep -c "unsupported .*no performance counter")" 1
put 1 $kernel/watchdog
put 1 $kernel/soft_watchdog
judge "detectors off" $quick -s kernel.watchdog=false -s kernel.soft_watchdog=true -s kernel.watchdog_cpus=housekeeping
during $kernel/watchdog 0
during $kernel/soft_watchdog 0
during $kernel/watchdog_cpumask 0-1
is "detectors off: both off at the master" "$(lever kernel.soft_watchdog | grep -c 'unsupported kernel.watchdog=false')" 1

# ---- what stays as it is: merging that is undone, RPS that is off ----
put 2 /sys/kernel/mm/ksm/run
put 0 $rps
judge unmerged $quick -s memory.ksm=true -s irqs.network=housekeeping
during /sys/kernel/mm/ksm/run 2
is "unmerged: RPS stays off" $((0x$(shot $rps))) 0
is "unmerged: says so" "$(lever memory.ksm | grep -c 'unsupported pages are unmerged')" 1
is "unmerged: says so of RPS" "$(lever irqs.network | grep -c 'unchanged no network queue')" 1
judge "unmerged already" $quick -s memory.ksm=false
is "unmerged already: that is what was asked for" "$(lever memory.ksm | grep -c 'unchanged pages are unmerged')" 1

done_testing
