# SPDX-License-Identifier: GPL-2.0-or-later
# Record: does a run's record tell the truth? What it says of a lever is compared with what the benchmark found in the
# lever's file (it is `grep -H "" FILES`), and what it says of the restore with the file as it is now.
package Record;
use strict;
use warnings;
use Crash;
use JSON::PP;

# Where a lever's units have their files. Others (process.*, irqbalance) have none.
my %FILES = (
	'frequency.governor' => sub { "/sys/devices/system/cpu/cpufreq/$_[0]/scaling_governor" },
	'frequency.range' => sub { "/sys/devices/system/cpu/cpufreq/" . ($_[0] =~ s{/(\w+)$}{/scaling_$1_freq}r) },
	'frequency.epp' => sub { "/sys/devices/system/cpu/cpufreq/$_[0]/energy_performance_preference" },
	'frequency.turbo' => sub { $_[0] eq 'boost' ? '/sys/devices/system/cpu/cpufreq/boost'
		: "/sys/devices/system/cpu/intel_pstate/$_[0]" },
	'irqs.move' => sub { $_[0] eq 'default' ? '/proc/irq/default_smp_affinity'
		: '/proc/irq/' . ($_[0] =~ s/irq//r) . '/smp_affinity' },
	'idle.max_latency' => sub { "/sys/devices/system/cpu/" . ($_[0] =~ s{/}{/cpuidle/}r) . '/disable' },
);

# The levers' files among what a monitor changes.
sub paths {
	my ($calls) = @_;
	my %paths = map { $_ => 1 } grep { m{^/(sys|proc/irq)/} } map { /^openat (\S+)$/ } @$calls;

	return sort keys %paths;
}

sub lies {
	my ($file, $host, $out) = @_;
	my $record = eval { decode_json(Crash::content($file)) } or return "the record is no JSON: $@";
	my %found = map { m{^(/[^:]+):(.*)} ? ($1 => $2) : () } split /\n/, $out;
	my @lies;

	for my $lever (@{ $record->{levers} }) {
		my $path = $FILES{ $lever->{lever} } or next;
		push @lies, map { "the record's $lever->{lever} $lever->{unit}: $_" } lies_of($lever, $path->($lever->{unit}), $host, \%found);
	}
	my $restore = $record->{restore};
	# Where nobody could tell the client what was restored, the record cannot either.
	my $known = $out !~ /whether the host is restored|not restored: .* journal/;
	push @lies, 'the host differs, and the record names no failure' if $known && $host->differs && !@{ $restore->{failures} };
	push @lies, 'the record says restored, and there are failures' if $restore->{complete} && @{ $restore->{failures} };
	push @lies, 'the record says restored, and the host differs' if $restore->{complete} && $host->differs;
	push @lies, 'fully conditioned, with failures' if $record->{conditioned} eq 'full' && grep { $_->{status} eq 'failed' } @{ $record->{levers} };
	return @lies;
}

sub lies_of {
	my ($lever, $path, $host, $found) = @_;
	my ($status, $wanted, $after) = @$lever{'status', 'wanted', 'after'};
	my $held = $found->{$path} // '';
	my @lies;

	return 'no reason' if $status =~ /^(failed|unsupported|refused)$/ && !length($lever->{reason} // '');
	push @lies, "applied $wanted, and $path held '$held'" if $status eq 'applied' && defined $wanted && $wanted ne $held;
	push @lies, "left as '$after', and $path held '$held'" if defined $after && $after ne $held;
	my $now = Crash::content("$host->{dir}$path") =~ s/\n$//r;
	push @lies, "restored, and $path holds '$now' instead of '$lever->{before}'" if ($lever->{restored} // '') eq 'yes' && $now ne $lever->{before};
	return @lies;
}

1;
