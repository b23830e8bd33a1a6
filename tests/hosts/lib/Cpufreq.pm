# SPDX-License-Identifier: GPL-2.0-or-later
# /sys/devices/system/cpu/cpufreq, intel_pstate, amd_pstate and intel_uncore_frequency, as each
# driver shows them.
package Cpufreq;
use strict;
use warnings;
use Tree;

my $CPU = 'sys/devices/system/cpu';
my $PREFERENCES = 'default performance balance_performance balance_power power ';
my $ALL_GOVERNORS = 'conservative ondemand userspace powersave performance schedutil ';

# Attributes of a policy that the kernel lets be written; all others are only shown.
my %WRITABLE = map { $_ => 1 } qw(scaling_governor scaling_min_freq scaling_max_freq scaling_setspeed
	energy_performance_preference boost cpb);

# Each driver: its name in sysfs, governors (the first is the current one), what shares a policy,
# whether the global boost switch is there, and attributes of its own, from a CPU.
my %DRIVERS = (
	'intel-hwp' => { name => 'intel_pstate', governors => 'performance powersave',
		current => 'powersave', shared => '', own => \&_own_hwp, global => \&_global_intel },
	'intel-passive' => { name => 'intel_cpufreq', governors => $ALL_GOVERNORS,
		current => 'schedutil', shared => '', own => sub { }, global => \&_global_intel },
	'acpi' => { name => 'acpi-cpufreq', governors => $ALL_GOVERNORS,
		current => 'ondemand', shared => '', own => \&_own_acpi, global => \&_global_boost },
	'amd-epp' => { name => 'amd-pstate-epp', governors => 'performance powersave',
		current => 'powersave', shared => '', own => \&_own_amd, global => \&_global_amd },
	'arm' => { name => 'scmi-cpufreq', governors => $ALL_GOVERNORS,
		current => 'schedutil', shared => 'cluster', own => \&_own_arm, global => \&_global_boost },
);

sub write_cpufreq
{
	my ($tree, $m) = @_;
	$tree->folder("$CPU/cpufreq") if $m->{layout} ne 'cpus'; # there, and empty, where no driver bound
	return if $m->{cpufreq} eq '';
	my $driver = $DRIVERS{ $m->{cpufreq} } or die "$m->{name}: no such driver: $m->{cpufreq}\n";
	my %written;
	for my $cpu (@{ $m->{online} }) {
		if ($m->{layout} eq 'cpus') {
			_write_policy($tree, $m, $driver, $cpu, $cpu->{number});
			next;
		}
		my @cpus = $driver->{shared} ? @{ $cpu->{in}{ $driver->{shared} }{cpus} } : $cpu->{number};
		_write_policy($tree, $m, $driver, $cpu, @cpus) unless $written{ $cpus[0] }++;
		$tree->link_to("$CPU/cpu$cpu->{number}/cpufreq", "../cpufreq/policy$cpus[0]");
	}
	$driver->{global}->($tree, $m) if $m->{layout} ne 'cpus';
	_write_uncore($tree, $m) if $m->{uncore};
	return;
}

sub _write_policy
{
	my ($tree, $m, $driver, $cpu, @cpus) = @_;
	my %attribute = (
		affected_cpus => "@cpus", related_cpus => "@cpus",
		cpuinfo_min_freq => $cpu->{min}, cpuinfo_max_freq => $cpu->{max},
		cpuinfo_transition_latency => 0,
		scaling_driver => $driver->{name}, scaling_available_governors => $driver->{governors},
		scaling_governor => $driver->{current}, scaling_setspeed => '<unsupported>',
		scaling_min_freq => $cpu->{min}, scaling_max_freq => $cpu->{max},
		scaling_cur_freq => $cpu->{min} + 1000 * ($cpu->{number} % 7),
		$driver->{own}->($m, $cpu),
	);
	# Seen on real machines: the current governor of a policy may read empty.
	delete $attribute{scaling_governor} if $m->{topology} eq 'no' && $cpu == $m->{online}[-1];
	my $dir = $m->{layout} eq 'cpus' ? "$CPU/cpu$cpus[0]/cpufreq" : "$CPU/cpufreq/policy$cpus[0]";
	$tree->empty("$dir/scaling_governor") unless defined $attribute{scaling_governor};
	for my $name (sort keys %attribute) {
		if ($WRITABLE{$name}) {
			$tree->rw("$dir/$name", $attribute{$name});
		} elsif ($attribute{$name} eq '') {
			$tree->empty("$dir/$name");
		} else {
			$tree->ro("$dir/$name", $attribute{$name});
		}
	}
	return;
}

sub _own_hwp
{
	my ($m, $cpu) = @_;
	return (base_frequency => $cpu->{base}, energy_performance_preference => 'balance_performance',
		energy_performance_available_preferences => $PREFERENCES);
}

# Three steps and a blank after the last, as the kernel prints them: in the order of the driver's table, which
# is from above with ACPI and from below on boards.
sub _steps
{
	my ($cpu) = @_;
	return ($cpu->{max}, int(($cpu->{max} + $cpu->{min}) / 2000) * 1000, $cpu->{min});
}
# In the host's own order, where it says one.
sub _ordered
{
	my ($m, @steps) = @_;
	return sort { $m->{steps} eq 'up' ? $a <=> $b : $b <=> $a } @steps if $m->{steps} =~ /^(up|down)$/;
	return $m->{steps} eq 'mixed' ? @steps[1, 0, 2] : @steps;
}
sub _listed { return join '', map { "$_ " } @_ }

sub _own_acpi
{
	my ($m, $cpu) = @_;
	return (bios_limit => $cpu->{max}, freqdomain_cpus => "@{ $cpu->{in}{core}{cpus} }",
		scaling_available_frequencies => _listed(_ordered($m, _steps($cpu))), cpuinfo_cur_freq => $cpu->{min},
		$m->{vendor} eq 'amd' ? (cpb => 1) : ());
}

sub _own_amd
{
	my ($m, $cpu) = @_;
	return (amd_pstate_max_freq => $cpu->{max}, amd_pstate_lowest_nonlinear_freq => 1748000,
		amd_pstate_highest_perf => 166, amd_pstate_hw_prefcore => 'enabled',
		amd_pstate_prefcore_ranking => 231 - $cpu->{core}{number}, boost => 1, cpuinfo_avg_freq => '',
		energy_performance_preference => 'balance_performance',
		energy_performance_available_preferences => $PREFERENCES);
}

sub _own_arm
{
	my ($m, $cpu) = @_;
	return (scaling_available_frequencies => _listed(_ordered($m, reverse _steps($cpu))), scaling_boost_frequencies => ' ',
		cpuinfo_cur_freq => '', $m->{boost} ? (scaling_boost_frequencies => "$m->{boost}000 ",
			cpuinfo_max_freq => "$m->{boost}000", scaling_max_freq => "$m->{boost}000") : ());
}

sub _global_boost { my ($tree) = @_; return $tree->rw("$CPU/cpufreq/boost", 1) }

sub _global_intel
{
	my ($tree, $m) = @_;
	my $dir = "$CPU/intel_pstate";
	my ($status) = $m->{cpufreq} eq 'intel-hwp' ? 'active' : 'passive';
	$tree->rw("$dir/status", $status);
	$tree->rw("$dir/no_turbo", 0);
	$tree->rw("$dir/min_perf_pct", 17);
	$tree->rw("$dir/max_perf_pct", 100);
	# The first CPU's P-states, 100 MHz apart, and the share of turbo, in the kernel's fixed point.
	my ($low, $base, $high) = map { $m->{online}[0]{$_} / 100_000 } qw(min base max);
	my $states = $high - $low + 1;
	$tree->ro("$dir/num_pstates", $states);
	$tree->ro("$dir/turbo_pct", 100 - (int(($base - $low + 1) * 256 / $states) * 100 >> 8));
	$tree->rw("$dir/hwp_dynamic_boost", 0) if $status eq 'active';
	return;
}

# A folder per die; where clusters have clocks of their own it tells the widest of their limits.
sub _write_uncore
{
	my ($tree, $m) = @_;
	my %limits;
	for my $package (0 .. $m->{packages} - 1) {
		$limits{ sprintf 'package_%02d_die_00', $package } = [800_000, 2_500_000];
		next if $m->{uncore} eq 'die';
		$limits{ sprintf 'uncore%02d', 2 * $package } = [800_000, 2_500_000];
		$limits{ sprintf 'uncore%02d', 2 * $package + 1 } = [800_000, 1_800_000]; # I/O
	}
	for my $name (sort keys %limits) {
		my $dir = "$CPU/intel_uncore_frequency/$name";
		my ($min, $max) = @{ $limits{$name} };
		$tree->rw("$dir/min_freq_khz", $min);
		$tree->rw("$dir/max_freq_khz", $max);
		$tree->ro("$dir/initial_min_freq_khz", $min);
		$tree->ro("$dir/initial_max_freq_khz", $max);
	}
	return;
}

sub _global_amd
{
	my ($tree, $m) = @_;
	$tree->rw("$CPU/amd_pstate/status", 'active');
	$tree->ro("$CPU/amd_pstate/prefcore", 'enabled');
	_global_boost($tree);
	for my $cpu (@{ $m->{online} }) {
		my $dir = "$CPU/cpu$cpu->{number}/acpi_cppc";
		$tree->ro("$dir/nominal_freq", $cpu->{base} / 1000);
		$tree->ro("$dir/lowest_freq", $cpu->{min} / 1000);
		$tree->ro("$dir/nominal_perf", 118);
		$tree->ro("$dir/highest_perf", 166);
		$tree->ro("$dir/lowest_perf", 18);
	}
	return;
}

1;
