# SPDX-License-Identifier: GPL-2.0-or-later
# Record: does a run's record tell the truth? What it says of a lever is compared with what the benchmark found in the
# lever's file (it is `grep -H "" FILES`), and what it says of the restore with the file as it is now.
package Record;
use strict;
use warnings;
use Crash;
use JSON::PP;

my $CPU = '/sys/devices/system/cpu';
# Where a lever's units have their files; unit => file.
my %FILES = (
	'frequency.governor' => sub { "$CPU/cpufreq/$_[0]/scaling_governor" },
	'frequency.range' => sub { "$CPU/cpufreq/" . ($_[0] =~ s{/(\w+)$}{/scaling_$1_freq}r) },
	'frequency.epp' => sub { "$CPU/cpufreq/$_[0]/energy_performance_preference" },
	'frequency.turbo' => sub { $_[0] eq 'boost' ? "$CPU/cpufreq/boost" : "$CPU/intel_pstate/$_[0]" },
	'irqs.move' => sub { '/proc/irq/' . ($_[0] eq 'default' ? 'default_smp_affinity' : $_[0] =~ s/irq(.*)/$1\/smp_affinity/r) },
	'idle.max_latency' => sub { "$CPU/" . ($_[0] =~ s{/}{/cpuidle/}r) . '/disable' },
	'kernel.workqueues' => sub { "/sys/devices/virtual/workqueue/$_[0]/cpumask" =~ s{//}{/}r },
	'kernel.watchdog' => sub { '/proc/sys/kernel/watchdog' },
	'kernel.soft_watchdog' => sub { '/proc/sys/kernel/soft_watchdog' },
	'kernel.nmi_watchdog' => sub { '/proc/sys/kernel/nmi_watchdog' },
	'kernel.timer_migration' => sub { '/proc/sys/kernel/timer_migration' },
	'kernel.stat_interval' => sub { '/proc/sys/vm/stat_interval' },
	'memory.numa_balancing' => sub { '/proc/sys/kernel/numa_balancing' },
	'memory.ksm' => sub { '/sys/kernel/mm/ksm/run' },
);
# These have none.
my $FILELESS = qr/^(process|check)\.|^irqs\.irqbalance$/;

# The levers' files among what a monitor changes.
sub paths {
	my ($calls) = @_;
	my %paths = map { $_ => 1 } grep { m{^/(sys|proc)/} } map { /^openat (\S+)$/ } @$calls;

	return sort keys %paths;
}

sub lies {
	my ($file, $host, $out, @asked) = @_;
	my $record = eval { decode_json(Crash::content($file)) } or return "the record is no JSON: $@";
	my %found = map { $_ => '' } @asked; # of an empty file grep says nothing
	%found = (%found, map { m{(/(?:sys|proc)/[^:\s]+):(?! )(.*)} ? ($1 => $2) : () } split /\n/, $out);
	my @lies;

	for my $lever (@{ $record->{levers} }) {
		push @lies, map { "the record's $lever->{lever} $lever->{unit}: $_" } lies_of($lever, $host, \%found);
	}
	my $restore = $record->{restore};
	# Where nobody could tell the client what was restored, the record cannot either.
	my $known = $out !~ /whether the host is restored|not restored: .* journal/;
	push @lies, 'the host differs, and the record names no failure' if $known && $host->differs && !@{ $restore->{failures} };
	push @lies, 'the record says restored, and there are failures' if $restore->{complete} && @{ $restore->{failures} };
	push @lies, 'the record says restored, and the host differs' if $restore->{complete} && $host->differs;
	push @lies, 'root got no privilege' if $record->{conditioned} eq 'none';
	push @lies, 'fully conditioned, with failures'
		if $record->{conditioned} eq 'full' && grep { $_->{status} eq 'failed' } @{ $record->{levers} };
	return @lies;
}

sub lies_of {
	my ($lever, $host, $found) = @_;
	my ($status, $wanted, $after) = @$lever{'status', 'wanted', 'after'};

	return 'planned, and nothing came of it' if $status eq 'planned';
	return 'no reason' if $status =~ /^(failed|unsupported|refused)$/ && !length($lever->{reason} // '');
	return if $lever->{lever} =~ $FILELESS || !defined $after && $status ne 'applied';
	my $path = ($FILES{ $lever->{lever} } // return 'Record.pm does not know its file')->($lever->{unit});
	# What nobody ever wrote to was not asked for: it holds what it held before.
	my $held = $found->{$path} // $lever->{before};
	my @lies;

	push @lies, "applied $wanted, and $path held '$held'" if $status eq 'applied' && defined $wanted && $wanted ne $held;
	push @lies, "left as '$after', and $path held '$held'" if defined $after && $after ne $held;
	my $now = Crash::content("$host->{dir}$path") =~ s/\n$//r;
	push @lies, "restored, and $path holds '$now' instead of '$lever->{before}'"
		if ($lever->{restored} // '') eq 'yes' && $now ne $lever->{before};
	return @lies;
}

1;
