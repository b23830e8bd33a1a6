# SPDX-License-Identifier: GPL-2.0-or-later
# /sys/devices/system/cpu (but for cpufreq), /sys/devices/system/node, and the kinds of core.
package Cpus;
use strict;
use warnings;
use Tree;

my $CPU = 'sys/devices/system/cpu';
my $NODE = 'sys/devices/system/node';

# Idle states: name, description, exit latency and target residency in microseconds.
my %IDLE = (
	intel => ['intel_idle', ['POLL', 'CPUIDLE CORE POLL IDLE', 0, 0], ['C1', 'MWAIT 0x00', 2, 2],
		['C1E', 'MWAIT 0x01', 10, 20], ['C6', 'MWAIT 0x20', 133, 600]],
	amd => ['acpi_idle', ['POLL', 'CPUIDLE CORE POLL IDLE', 0, 0], ['C1', 'ACPI FFH MWAIT 0x0', 1, 2],
		['C2', '<null>', 100, 200]],
	arm => ['psci_idle', ['WFI', 'ARM WFI', 1, 1], ['cpu-sleep-0', 'cpu-sleep', 290, 4488]],
);

# level, type, size, sets, ways, what shares it; in the order of cache/indexN
my @CACHES = (
	[1, 'Data', 48, 64, 12, 'core'], [1, 'Instruction', 32, 64, 8, 'core'],
	[2, 'Unified', 1280, 2048, 10, 'cluster'], [3, 'Unified', 24576, 32768, 12, 'l3'],
);

sub write_cpus
{
	my ($tree, $m) = @_;
	_write_lists($tree, $m);
	_write_smt($tree, $m);
	_write_idle_driver($tree, $m);
	for my $cpu (@{ $m->{cpus} }) {
		_write_cpu($tree, $m, $cpu);
		next unless $cpu->{online};
		_write_idle_states($tree, $m, $cpu);
		next if $m->{topology} eq 'no';
		_write_topology($tree, $m, $cpu);
		_write_caches($tree, $m, $cpu);
	}
	_write_kinds($tree, $m);
	_write_nodes($tree, $m) if $m->{topology} eq 'yes';
	return;
}

sub _write_lists
{
	my ($tree, $m) = @_;
	my %online = map { $_->{number} => 1 } @{ $m->{online} };
	my @possible = 0 .. $m->{width} - 1;
	my %lists = (possible => cpulist(@possible), present => cpulist(map { $_->{number} } @{ $m->{cpus} }),
		online => cpulist(map { $_->{number} } @{ $m->{online} }),
		offline => cpulist(grep { !$online{$_} } @possible), isolated => $m->{isolated});
	%lists = () if $m->{lists} eq 'no';
	$tree->list("$CPU/$_", $lists{$_}, $m->{tail}) for keys %lists;
	$tree->ro("$CPU/kernel_max", 8191);
	if ($m->{'nohz-null'} eq 'yes') {
		$tree->ro("$CPU/nohz_full", ' ' x 90 . '(null)');
	} elsif ($m->{arch} eq 'x86_64') {
		$tree->ro("$CPU/nohz_full", $m->{isolated});
	}
	return;
}

sub _write_smt
{
	my ($tree, $m) = @_;
	my $control = $m->{smt} || (grep({ $_->{core}{threads} > 1 } @{ $m->{cpus} }) ? 'on'
		: $m->{arch} eq 'arm64' ? 'notimplemented' : 'notsupported');
	$tree->rw("$CPU/smt/control", $control);
	$tree->ro("$CPU/smt/active", $control eq 'on' ? 1 : 0);
	return;
}

sub _idle
{
	my ($m) = @_;
	return $m->{guest} ? ('none') : @{ $IDLE{ $m->{arch} eq 'arm64' ? 'arm' : $m->{vendor} } };
}

sub _write_idle_driver
{
	my ($tree, $m) = @_;
	my ($driver) = _idle($m);
	$tree->ro("$CPU/cpuidle/current_driver", $driver);
	$tree->rw("$CPU/cpuidle/current_governor", 'menu');
	$tree->ro("$CPU/cpuidle/current_governor_ro", 'menu');
	$tree->ro("$CPU/cpuidle/available_governors", 'ladder menu teo ');
	return;
}

sub _write_idle_states
{
	my ($tree, $m, $cpu) = @_;
	my (undef, @states) = _idle($m);
	for my $i (0 .. $#states) {
		my ($name, $desc, $latency, $residency) = @{ $states[$i] };
		my $dir = "$CPU/cpu$cpu->{number}/cpuidle/state$i";
		$tree->ro("$dir/name", $name);
		$tree->ro("$dir/desc", $desc);
		$tree->ro("$dir/latency", $latency);
		$tree->ro("$dir/residency", $residency);
		$tree->ro("$dir/time", 1000 * $residency + 7 * $cpu->{number});
		$tree->ro("$dir/usage", 100 + $cpu->{number});
		$tree->ro("$dir/default_status", 'enabled');
		$tree->rw("$dir/disable", 0);
	}
	return;
}

sub _write_cpu
{
	my ($tree, $m, $cpu) = @_;
	my $dir = "$CPU/cpu$cpu->{number}";
	$tree->folder($dir);
	# x86 keeps its boot CPU: no switch there, unless it is off already.
	$tree->rw("$dir/online", $cpu->{online} ? 1 : 0)
		if $cpu->{number} || $m->{arch} eq 'arm64' || !$cpu->{online};
	$tree->rw("$dir/power/pm_qos_resume_latency_us", 0);
	return unless $cpu->{online};
	$tree->rw("$dir/power/energy_perf_bias", 6) if $m->{vendor} eq 'intel' && $m->{cpufreq} =~ /^intel/;
	$tree->ro("$dir/cpu_capacity", $cpu->{capacity}) if $cpu->{capacity};
	$tree->link_to("$dir/node$cpu->{node}", "../../node/node$cpu->{node}") if $m->{topology} eq 'yes';
	if ($m->{cpufreq} =~ /^intel/) {
		$tree->ro("$dir/thermal_throttle/core_throttle_count", 0);
		$tree->ro("$dir/thermal_throttle/package_throttle_count", 0);
	}
	return;
}

sub _write_topology
{
	my ($tree, $m, $cpu) = @_;
	my $dir = "$CPU/cpu$cpu->{number}/topology";
	my %in = %{ $cpu->{in} };
	my $arm = $m->{arch} eq 'arm64';
	my %shown = (thread_siblings => $in{core}, core_cpus => $in{core}, cluster_cpus => $in{cluster},
		die_cpus => $arm ? $in{core} : $in{package}, core_siblings => $in{package},
		package_cpus => $in{package});
	for my $what (keys %shown) {
		$tree->ro("$dir/$what", $shown{$what}{mask});
		$tree->list("$dir/${what}_list", $shown{$what}{list}, $m->{tail});
	}
	$tree->ro("$dir/core_id", $m->{modules} eq 'yes' ? $cpu->{number} : $cpu->{core}{id});
	$tree->ro("$dir/cluster_id", $in{cluster}{id});
	$tree->ro("$dir/die_id", $arm ? -1 : 0);
	$tree->ro("$dir/physical_package_id", $in{package}{id});
	return;
}

sub _write_caches
{
	my ($tree, $m, $cpu) = @_;
	my @caches = grep { $m->{caches} =~ /$_->[0]/ } @CACHES;
	for my $i (0 .. $#caches) {
		my ($level, $type, $size, $sets, $ways, $shared) = @{ $caches[$i] };
		my $dir = "$CPU/cpu$cpu->{number}/cache/index$i";
		my $group = $cpu->{in}{$shared};
		$tree->ro("$dir/level", $level);
		$tree->ro("$dir/type", $type);
		$tree->ro("$dir/shared_cpu_map", $group->{mask});
		$tree->ro("$dir/shared_cpu_list", $group->{list});
		next if $m->{arch} eq 'arm64'; # device trees tell who shares a cache, seldom how big it is
		$tree->ro("$dir/id", $group->{id});
		$tree->ro("$dir/size", "${size}K");
		$tree->ro("$dir/coherency_line_size", 64);
		$tree->ro("$dir/number_of_sets", $sets);
		$tree->ro("$dir/ways_of_associativity", $ways);
		$tree->ro("$dir/physical_line_partition", 1);
	}
	return;
}

# Hybrid machines have one PMU per kind of core; hwloc tells the kinds apart by them.
sub _write_kinds
{
	my ($tree, $m) = @_;
	my %pmu = (P => 'cpu_core', E => 'cpu_atom');
	for my $group (grep { $pmu{ $_->{id} } } values %{ $m->{groups}{kind} }) {
		$tree->ro("sys/devices/$pmu{ $group->{id} }/cpus", $group->{list});
	}
	return;
}

sub _write_nodes
{
	my ($tree, $m) = @_;
	my %node = %{ $m->{groups}{node} };
	my @with_cpu = sort { $a <=> $b } keys %node;
	my %cpuless = map { $_ => { id => $_, cpus => [], list => '', mask => cpumask($m->{width}) } }
	    @{ $m->{memory_nodes} };
	%node = (%node, %cpuless);
	my @all = sort { $a <=> $b } keys %node;
	my ($highest) = sort { $b <=> $a } @all, split ' ', $m->{'node-ids'};
	$tree->ro("$NODE/possible", cpulist(0 .. $highest));
	my %bare = map { $_ => 1 } split ' ', $m->{'bare-nodes'};
	$tree->list("$NODE/online", cpulist(@all), $m->{tail});
	$tree->ro("$NODE/$_", cpulist(grep { !$bare{$_} } @all)) for qw(has_memory has_normal_memory);
	$tree->ro("$NODE/has_cpu", cpulist(@with_cpu));
	for my $id (@all) {
		my $dir = "$NODE/node$id";
		$tree->list("$dir/cpulist", $node{$id}{list}, $m->{tail});
		$tree->ro("$dir/cpumap", $node{$id}{mask});
		$tree->ro("$dir/distance", join ' ',
			map { $_ == $id ? 10 : $cpuless{$_} || $cpuless{$id} ? 17 : 21 } @all);
		$tree->ro("$dir/meminfo", join "\n", map { sprintf "Node %d %-15s %8d kB", $id, @$_ }
			['MemTotal:', $bare{$id} ? 0 : 16777216], ['MemFree:', $bare{$id} ? 0 : 12582912],
			['MemUsed:', $bare{$id} ? 0 : 4194304]);
		$tree->link_to("$dir/cpu$_", "../../cpu/cpu$_") for @{ $node{$id}{cpus} };
	}
	return;
}

1;
