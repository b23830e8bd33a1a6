#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The fault matrix on substituted hosts: each call that changes something, and each that looks at something, fails once
# with each errno of the levers' catalogue, in each of quietbench's processes, also in a recovery and in a later restore;
# writes also end halfway, and some files stay broken. Then the run's status, its output and its record must agree with the host, which is back as
# it was, or what is not is named and mended by `quietbench restore`.
# fault.t [HOST...]. With QB_FULL set (make check-full) every call fails with every errno; otherwise some do (%STRIDE).
use strict;
use warnings;
use Config;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use Record;
use Test::More;

# strike sets registers, and knows those of one architecture only: nothing is proved elsewhere, and that is said.
plan skip_all => "faults are not injected on $Config{archname}, only on x86_64" if $Config{archname} !~ /^x86_64/;

# EIO, EPERM, EBUSY, EINVAL, ENOSPC, and the kernel's own ENOTSUPP, which some sysctls leak.
my @ERRNOS = (5, 1, 16, 22, 28, 524);
# Not fallible: one's own end, and that of one's own child; what a sanitizer's runtime cannot do without.
my $SPARED = $ENV{QB_SANITIZED} ? qr/^(exit_group|kill|prlimit64)\b/ : qr/^(exit_group|kill)\b/;
my $WRITE = qr/^p?write(64)? /;
my $LEVER = qr{^\S+ /(sys|proc/irq|proc/sys)/};
# The second host has no other steps than the first; sanitized.t has slow programs.
my %COARSER = ('small-boost' => 5, 'small-hwp' => $ENV{QB_SANITIZED} ? 6 : 1);

Crash::on_hosts(\&matrix, @ARGV ? @ARGV : ('small-hwp', 'small-boost'));

sub matrix {
	my ($host) = @_;
	my $record = "$host->{dir}/record.json";
	my @bare = ('--', Crash::run_command('true'));
	my $plain = $host->count(@bare);
	# What a process of root's sets of itself is no lever, and gone with it.
	my @levers = grep { !m{^/proc/(?:\d+|self)/} } Record::paths($plain->{monitor});
	# The benchmark tells what the host's files hold while it runs.
	my ($quietbench, $verb, @options) = Crash::run_command('grep', '-H', '', @levers);
	my @run = ('--', $quietbench, $verb, '--record', $record, @options);
	my @restore = ('--', $quietbench, 'restore');
	my $run = $host->count(@run);
	$host->judge and return $host->result(0, 'an undisturbed run leaves nothing');
	my $again = $host->count(@run); # its client looks at each stranger that it sees: the calmer of two
	$host->judge;
	$run->{'client/look'} = $again->{'client/look'} if @{ $again->{'client/look'} } < @{ $run->{'client/look'} };

	my $dead = "monitor:@{[ $run->{bench}{monitor} + 1 ]}:kill=monitor";
	my $recovery;
	for (1 .. 3) { # a thread born meanwhile is a change more
		$recovery = $host->count($dead, @run);
		$host->judge;
		last if $recovery->{recovery};
	}
	my @leave = ("monitor:@{[ $run->{bench}{monitor} + 1 ]}:kill=client+guardian+monitor", @bare);
	$host->strike(@leave);
	my $later = $host->count(@restore);
	$host->judge;

	# name, role, calls, strides of its changes and of its looks without QB_FULL, and: what goes before it
	my @rows = (
		['run', 'monitor', $run, 11, 97],
		['run', 'client', $run, 7, 29],
		['run', 'guardian', $run, 11, 29],
		['run', 'child', $run, 5],
		['run, files broken for good', 'monitor', $run, 23, 0, action => 'bar'],
		['recovery', 'recovery', $recovery, 23, 131, strikes => [$dead]],
		['later restore', 'monitor', $later, 23, 131, leave => \@leave, command => \@restore],
	);
	my %sum;
	for (@rows) {
		my ($name, $role, $calls, $changes, $looks, %more) = @$_;
		my %row = (name => $name, role => $role, command => \@run, record => $record, levers => \@levers, %more);

		strike_all($host, \%sum, { %row, calls => $calls->{$role}, stride => $changes });
		strike_all($host, \%sum, { %row, calls => $calls->{"$role/look"}, stride => $looks, kind => '/look' }) if $looks;
	}
	$host->comment(summary(\%sum));
}

sub summary {
	my ($sum) = @_;
	my $all = 0;

	$all += $_ for values %$sum;
	return "$all faults: " . join ', ', map { "$sum->{$_} $_" } sort keys %$sum;
}

# Each call of a row with each errno, and writes cut short; so many of them as its stride lets through.
sub strike_all {
	my ($host, $sum, $row) = @_;
	my $kind = $row->{kind} // '';
	my $stride = $Crash::FULL ? 1 : $row->{stride} * ($COARSER{ $host->{name} } // 1);
	my $action = $row->{action} // 'fail';
	my @call = @{ $row->{calls} };
	my (@faults, %row_sum);

	for my $n (grep { $call[$_ - 1] !~ $SPARED } 1 .. @call) {
		next if $action eq 'bar' && $call[$n - 1] !~ $LEVER;
		push @faults, map { [$n, "$action=$_"] } @ERRNOS;
		push @faults, [$n, 'short'] if !$kind && $action eq 'fail' && $call[$n - 1] =~ $WRITE;
	}
	for (my $i = 0; $i < @faults; $i += $stride) {
		my ($n, $action) = @{ $faults[$i] };
		my ($outcome, @wrong) = fault($host, $row, "$row->{role}$kind:$n:$action");

		# What else goes on here changes what is read: the call may have had another number.
		($outcome, @wrong) = fault($host, $row, "$row->{role}$kind:$n:$action") unless $host->struck;
		$row_sum{@wrong ? 'wrong' : $outcome}++;
		next unless @wrong;
		$host->complain("$row->{name}, the $row->{role}\'s call $kind$n ($call[$n - 1]), $action:",
			map({ "  $_" } @wrong), map { "    $_" } grep { !m{^(executed|/)} } @{ $row->{seen} });
	}
	$sum->{$_} += $row_sum{$_} for keys %row_sum;
	my $came = @faults && 2 * ($row_sum{'never came'} // 0) * $stride < @faults;
	$host->result($came && !$row_sum{wrong},
		"$row->{name}, the $row->{role}\'s " . ($kind ? 'looks' : 'changes') . ': ' . summary(\%row_sum));
}

# One fault. Returns how it ended, and what is wrong with that.
sub fault {
	my ($host, $row, $strike) = @_;
	my $restore = ${ $row->{command} }[-1] eq 'restore';

	unlink $row->{record};
	$host->strike(@{ $row->{leave} }) if $row->{leave};
	$host->strike(@{ $row->{strikes} // [] }, $strike, @{ $row->{command} });
	$row->{seen} = [@{ $host->{seen} }, split /\n/, Crash::content($host->{out})];
	my ($status) = map { /^end client (.*)/ } @{ $host->{seen} };
	my ($outcome, @wrong) = ($restore ? \&after_restore : \&after_run)->($host, $row, $status // 'never');

	unless ($host->struck) {
		# It reads the name of each stranger that it sees on the benchmark's CPU: now more, now fewer.
		return ('never came', @wrong, $host->judge) if $strike =~ m{^client/look:};
		push @wrong, "$strike never came";
	}
	return ($outcome, @wrong, $host->judge);
}

sub after_restore {
	my ($host, $row, $status) = @_;

	return ('restored') if $status eq 'status 0';
	return ('failed', "restore ended with $status") if $status ne 'status 1';
	return ('failed', 'restore failed without a message') unless Crash::content($host->{out}) =~ /^quietbench: /m;
	return ('mended by a second restore', mended($host));
}

# What a run may end like.
sub after_run {
	my ($host, $row, $status) = @_;
	my $out = Crash::content($host->{out});
	my $ran = grep { $_ eq 'executed grep' } @{ $host->{seen} };
	my @lies = -e $row->{record} ? Record::lies($row->{record}, $host, $out, @{ $row->{levers} }) : ();

	if ($status eq 'status 0') {
		push @lies, 'no record' unless -e $row->{record};
		push @lies, 'the benchmark was not executed' unless $ran;
		return ('restored', @lies);
	}
	# Before main: the C library's loader did not find what it needs.
	return ('refused', @lies) if $status eq 'status 127' && $out =~ /error while loading shared libraries/ && !$ran;
	push @lies, 'it says nothing' unless $out =~ /^quietbench: (?!default:|clock|\d+ levers)/m;
	if ($status =~ /^status 12[56]$/) {
		return ('restored without a record', @lies) if $ran && $out =~ /cannot write the record/ && !-e $row->{record};
		push @lies, 'the benchmark was executed all the same' if $ran;
		return ('refused', @lies);
	}
	return ('failed', @lies, "the run ended with $status") if $status ne 'status 124';
	push @lies, 'it does not say what is not restored' unless $out =~ /not restored|whether the host is restored/;
	return ('restored, but the client could not know', @lies) if !$host->differs && !Crash::state_left();
	return ('mended by restore', @lies, mended($host));
}

# `status` tells how to put the rest back, and that does it.
sub mended {
	my ($host) = @_;
	my @wrong;

	if ($host->differs) {
		$host->run($Crash::QUIETBENCH, 'status');
		my $advice = Crash::content($host->{out});
		push @wrong, "status does not tell what to do: $advice" unless $advice =~ /run: quietbench restore$/m;
	}
	my $status = $host->run($Crash::QUIETBENCH, 'restore');
	push @wrong, "the later restore ended with $status: " . Crash::content($host->{out}) if $status ne '0';
	return @wrong;
}
