# SPDX-License-Identifier: GPL-2.0-or-later
# The rest of a host: /proc/cpuinfo and stat, sysctls, memory and workqueue knobs, network queues, cgroups, DMI.
package Kernel;
use strict;
use warnings;
use Tree;
use Irqs;

my %FLAGS = (
	intel => 'fpu tsc msr apic sep ht syscall nx lm constant_tsc arch_perfmon nonstop_tsc aperfmperf'
		. ' sse4_2 avx2 rdt_a arat ida epb hwp hwp_epp',
	amd => 'fpu tsc msr apic sep ht syscall nx lm constant_tsc nonstop_tsc aperfmperf'
		. ' sse4_2 avx2 cpb hw_pstate cppc arat',
	guest => 'fpu tsc msr apic sep ht syscall nx lm constant_tsc nonstop_tsc sse4_2 avx2 arat hypervisor',
);
my %PART = (little => '0xd46', mid => '0xd4d', big => '0xd4e');

# sysctls: those only shown, then those also taken.
my %SHOWN = (
	'kernel/cap_last_cap' => 40, 'kernel/ngroups_max' => 65536, 'kernel/ostype' => 'Linux',
	'vm/compact_unevictable_allowed' => 1,
);
my %SYSCTL = (
	'kernel/watchdog' => 1, 'kernel/soft_watchdog' => 1,
	'kernel/watchdog_thresh' => 10, 'kernel/timer_migration' => 1,
	'kernel/sched_autogroup_enabled' => 1, 'kernel/sched_rt_period_us' => 1000000,
	'kernel/sched_rt_runtime_us' => 950000, 'kernel/sched_schedstats' => 0,
	'kernel/perf_event_paranoid' => 2, 'kernel/perf_event_max_sample_rate' => 100000,
	'kernel/perf_cpu_time_max_percent' => 25, 'kernel/perf_event_mlock_kb' => 516,
	'kernel/kptr_restrict' => 0, 'kernel/randomize_va_space' => 2,
	'kernel/unprivileged_bpf_disabled' => 2, 'kernel/pid_max' => 4194304,
	'kernel/overflowuid' => 65534, 'kernel/overflowgid' => 65534, 'kernel/printk' => "4\t4\t1\t7",
	'vm/stat_interval' => 1, 'vm/compaction_proactiveness' => 20, 'vm/min_free_kbytes' => 67584,
	'vm/swappiness' => 60, 'vm/dirty_ratio' => 20, 'vm/dirty_bytes' => 0,
	'vm/dirty_background_ratio' => 10, 'vm/dirty_background_bytes' => 0,
	'vm/dirty_expire_centisecs' => 3000, 'vm/dirty_writeback_centisecs' => 500,
	'vm/drop_caches' => 0, 'vm/overcommit_memory' => 0, 'vm/nr_hugepages' => 0,
	'vm/max_map_count' => 65530,
);

sub write_kernel
{
	my ($tree, $m) = @_;
	_write_sysctls($tree, $m);
	_write_memory($tree);
	_write_workqueues($tree, $m);
	_write_network($tree, $m);
	_write_cgroups($tree, $m);
	_write_cpuset($tree, $m) if $m->{cpuset};
	_write_dmi($tree, $m);
	_write_cpuinfo($tree, $m);
	_write_stat($tree, $m);
	$tree->ro('proc/cmdline', join ' ', 'BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet',
		$m->{isolated} ? "isolcpus=managed_irq,domain,$m->{isolated} nohz_full=$m->{isolated}" : ());
	return;
}

sub _everyone { my ($m) = @_; return cpumask($m->{width}, 0 .. $m->{width} - 1) }

sub _write_sysctls
{
	my ($tree, $m) = @_;
	my $release = $m->{kernel} eq '6.12' ? '6.12.57+deb13' : '6.1.0-41';
	$release .= $m->{arch} eq 'arm64' ? '-arm64' : '-amd64';
	$tree->ro("proc/sys/$_", $SHOWN{$_}) for keys %SHOWN;
	$tree->rw("proc/sys/$_", $SYSCTL{$_}) for keys %SYSCTL;
	$tree->ro('proc/sys/kernel/osrelease', $release);
	$tree->rw('proc/sys/kernel/hostname', $m->{name});
	$tree->rw('proc/sys/kernel/nmi_watchdog', $m->{guest} ? 0 : 1); # no counters in a guest
	$tree->rw('proc/sys/kernel/watchdog_cpumask', cpulist(0 .. $m->{width} - 1));
	$tree->ro('proc/sys/kernel/random/boot_id',
		'00000000-0000-4000-8000-' . unpack 'H12', pack 'a6', $m->{name});
	return if $m->{topology} eq 'no';
	my $nodes = keys %{ $m->{groups}{node} };
	$tree->rw('proc/sys/kernel/numa_balancing', $nodes > 1 ? 1 : 0);
	$tree->rw('proc/sys/vm/zone_reclaim_mode', 0);
	return;
}

sub _write_memory
{
	my ($tree) = @_;
	my $thp = 'sys/kernel/mm/transparent_hugepage';
	$tree->rw("$thp/enabled", 'always [madvise] never');
	$tree->rw("$thp/defrag", 'always defer defer+madvise [madvise] never');
	$tree->rw("$thp/shmem_enabled", 'always within_size advise [never] deny force');
	$tree->rw("$thp/use_zero_page", 1);
	$tree->rw("$thp/khugepaged/defrag", 1);
	$tree->rw("$thp/khugepaged/scan_sleep_millisecs", 10000);
	$tree->rw("sys/kernel/mm/ksm/run", 1);
	$tree->rw("sys/kernel/mm/ksm/pages_to_scan", 100);
	$tree->ro("sys/kernel/mm/ksm/pages_shared", 0);
	$tree->rw("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 0);
	return;
}

sub _write_workqueues
{
	my ($tree, $m) = @_;
	my $dir = 'sys/devices/virtual/workqueue';
	my %isolated = map { $_ => 1 } @{ $m->{isolated_list} };
	my $left = cpumask($m->{width}, grep { !$isolated{$_} } 0 .. $m->{width} - 1);
	$tree->rw("$dir/cpumask", $left);
	for my $queue (qw(writeback blkcg_punt_bio)) {
		$tree->rw("$dir/$queue/cpumask", _everyone($m));
		$tree->rw("$dir/$queue/nice", 0);
	}
	return if $m->{kernel} ne '6.12';
	$tree->ro("$dir/cpumask_requested", _everyone($m));
	$tree->ro("$dir/cpumask_isolated", cpumask($m->{width}, @{ $m->{isolated_list} }));
	return;
}

# lo and a card, which has a sending queue per CPU, up to eight, and hands on what its first queue
# receives. In a guest the card has one queue, and hands on nothing. One queue has no XPS mask.
sub _write_network
{
	my ($tree, $m) = @_;
	my @cpus = map { $_->{number} } @{ $m->{online} };
	my $queues = $m->{guest} ? 1 : @cpus < 8 ? scalar @cpus : 8;
	$tree->rw('sys/class/net/lo/queues/rx-0/rps_cpus', cpumask($m->{width}));
	$tree->folder('sys/class/net/lo/queues/tx-0');
	my $card = 'sys/class/net/' . ($m->{guest} ? 'eth0' : 'enp1s0f0') . '/queues';
	for my $queue (0 .. $queues - 1) {
		$tree->rw("$card/rx-$queue/rps_cpus", $queue || $m->{guest} ? cpumask($m->{width}) : _everyone($m));
		$tree->folder("$card/tx-$queue");
		next if $queues == 1;
		my @served = grep { $_ % $queues == $queue } @cpus;
		$tree->rw("$card/tx-$queue/xps_cpus", cpumask($m->{width}, @served));
	}
	return;
}

# As systemd 252 leaves them: cpuset is there, but on for nobody. No PID in any of them.
sub _write_cgroups
{
	my ($tree, $m) = @_;
	my $root = 'sys/fs/cgroup';
	my $cpus = cpulist(map { $_->{number} } @{ $m->{online} });
	$tree->ro("$root/cgroup.controllers", 'cpuset cpu io memory hugetlb pids rdma misc');
	$tree->rw("$root/cgroup.subtree_control", 'memory pids');
	$tree->ro("$root/cgroup.stat", "nr_descendants 3\nnr_dying_descendants 0");
	$tree->ro("$root/cpuset.cpus.effective", $cpus);
	$tree->ro("$root/cpuset.mems.effective", '0');
	$tree->ro("$root/cpuset.cpus.isolated", $m->{isolated}) if $m->{kernel} eq '6.12';
	for my $group ('', '/init.scope', '/system.slice', '/user.slice') {
		$tree->exact("$root$group/$_", '', 0644) for qw(cgroup.procs cgroup.threads);
		$tree->rw("$root$group/cgroup.max.depth", 'max');
		$tree->rw("$root$group/cgroup.max.descendants", 'max');
		next if $group eq '';
		$tree->ro("$root$group/cgroup.controllers", 'memory pids');
		$tree->rw("$root$group/cgroup.subtree_control", $group eq '/init.scope' ? '' : 'memory pids');
		$tree->rw("$root$group/cgroup.type", 'domain');
		$tree->rw("$root$group/cgroup.freeze", 0);
		$tree->ro("$root$group/cgroup.events", "populated 1\nfrozen 0");
		$tree->rw("$root$group/memory.max", 'max');
		$tree->rw("$root$group/pids.max", 'max');
	}
	return;
}

# Of a captured host: where its cpusets are mounted, in which of them it was captured, and what that grants.
sub _write_cpuset
{
	my ($tree, $m) = @_;
	my ($version, $cpus, $nodes) = split /:/, $m->{cpuset};
	my $group = '/jobs/step_0';
	my $mount = $version eq 'v2' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpuset';
	my @files = $version eq 'v2' ? qw(cpuset.cpus.effective cpuset.mems.effective)
		: qw(cpuset.effective_cpus cpuset.effective_mems);
	$tree->ro('proc/mounts', join "\n", 'proc /proc proc rw 0 0', $version eq 'v2'
		? "none $mount cgroup2 rw,nosuid 0 0" : "cgroup $mount cgroup rw,relatime,cpuset 0 0");
	$tree->ro('proc/self/cpuset', $group);
	$tree->ro('proc/self/cgroup', $version eq 'v2' ? "0::$group" : "2:cpuset:$group\n0::/");
	$tree->ro(substr("$mount$group/$files[0]", 1), $cpus);
	$tree->ro(substr("$mount/jobs/$files[1]", 1), $nodes); # of the nearest above that tells
	return;
}

sub _write_dmi
{
	my ($tree, $m) = @_;
	return if $m->{arch} eq 'arm64'; # a board with a device tree
	my %id = $m->{guest}
		? (sys_vendor => 'QEMU', product_name => 'Standard PC (Q35 + ICH9, 2009)', bios_vendor => 'SeaBIOS',
			board_vendor => '', board_name => '', chassis_vendor => 'QEMU', chassis_type => 1)
		: (sys_vendor => 'Example Systems', product_name => "Model $m->{name}", bios_vendor => 'Example',
			board_vendor => 'Example Systems', board_name => 'Board', chassis_vendor => 'Example Systems',
			chassis_type => $m->{packages} > 1 ? 23 : 3);
	$tree->ro("sys/devices/virtual/dmi/id/$_", $id{$_}) for keys %id;
	$tree->link_to('sys/class/dmi/id', '../../devices/virtual/dmi/id');
	return;
}

sub _cpuinfo_x86
{
	my ($m, $cpu) = @_;
	my $package = $cpu->{in}{package};
	my $siblings = @{ $package->{cpus} };
	my %cores = map { $m->{by_number}{$_}{core}{number} => 1 } @{ $package->{cpus} };
	my $amd = $m->{vendor} eq 'amd';
	my @place = $m->{topology} eq 'no' ? () : (['physical id', $package->{id}], ['siblings', $siblings],
		['core id', $cpu->{core}{id}], ['cpu cores', scalar keys %cores]);
	my $family = $m->{modules} eq 'yes' ? 21 : $amd ? 25 : 6;
	return (['processor', $cpu->{number}], ['vendor_id', $amd ? 'AuthenticAMD' : 'GenuineIntel'],
		['cpu family', $family], ['model', $amd ? 33 : 151],
		['model name', $amd ? 'AMD Example 32-Core Processor' : 'Intel(R) Example(R) CPU @ 3.00GHz'],
		['stepping', 2], ['cpu MHz', sprintf '%.3f', ($cpu->{base} || 2400000) / 1000],
		['cache size', '24576 KB'], @place,
		['flags', $FLAGS{ $m->{guest} ? 'guest' : $m->{vendor} }], ['bogomips', '4800.00'],
		['address sizes', '46 bits physical, 48 bits virtual'], ['power management', '']);
}

sub _cpuinfo_arm
{
	my ($m, $cpu) = @_;
	return (['processor', $cpu->{number}], ['BogoMIPS', '38.40'],
		['Features', 'fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid'],
		['CPU implementer', '0x41'], ['CPU architecture', 8], ['CPU variant', '0x1'],
		['CPU part', $m->{part_of}{ $cpu->{kind} } // $PART{ $cpu->{kind} } // '0xd0c'], ['CPU revision', 1]);
}

sub _write_cpuinfo
{
	my ($tree, $m) = @_;
	$m->{by_number} = { map { $_->{number} => $_ } @{ $m->{cpus} } };
	my $describe = $m->{arch} eq 'arm64' ? \&_cpuinfo_arm : \&_cpuinfo_x86;
	my $text = '';
	for my $cpu (@{ $m->{online} }) {
		for my $line ($describe->($m, $cpu)) {
			my ($key, $value) = @$line;
			$text .= $key . "\t" x (length $key < 8 ? 2 : 1) . ": $value\n";
		}
		$text .= "\n";
	}
	$tree->exact('proc/cpuinfo', $text, 0444);
	return;
}

# user nice system idle iowait irq softirq steal guest guest_nice
sub _write_stat
{
	my ($tree, $m) = @_;
	my $cpus = @{ $m->{online} };
	my @ticks = (4000, 10, 1500, 900000, 300, 0, 40, $m->{guest} ? 250 : 0, 0, 0);
	my @lines = join ' ', 'cpu ', map { $_ * $cpus } @ticks;
	push @lines, join ' ', "cpu$_->{number}", @ticks for @{ $m->{online} };
	my ($total, @count) = (0);
	for my $irq (grep { $_->{name} ne '' } @{ $m->{irq_list} }) {
		$total += $count[$irq->{number}] = Irqs::count($irq);
	}
	push @lines, join ' ', 'intr', $total, map { $_ // 0 } @count;
	push @lines, 'ctxt 8000000', 'btime 1700000000', 'processes 40000', 'procs_running 1',
		'procs_blocked 0', 'softirq 300000 0 100000 5 2000 20000 0 100 100000 0 77895';
	$tree->ro('proc/stat', join "\n", @lines);
	return;
}

1;
