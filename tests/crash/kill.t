#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The kill matrix on substituted hosts: SIGKILL for each process, and for all, at each change that one of them makes,
# also in the midst of a restore and of a recovery. Whoever lives on, or the next quietbench, puts all back.
# kill.t [HOST...]. With QB_FULL set (make check-full) every row takes every N; otherwise each has its stride, a host its own
# on top of it, and chance says where the row begins: it tells its seed, and QB_SEED=N begins there again. QB_ROW=NAME: only
# the rows of that name. What happens at calls that change nothing, and other harm than kills: calls.t.
use strict;
use warnings;
use FindBin;
use List::Util qw(min);
use lib "$FindBin::RealBin/lib";
use Crash;

# The second host has no other steps than the first, in another order.
my %COARSER = ('small-boost' => 4);
my $ALL = 'client+guardian+monitor';
my @RUN = ('--', Crash::run_command('true'));
# The benchmark ends its client: the monitor puts back without being asked.
my @DESERTED = ('--', Crash::run_command('sh', '-c', 'kill -9 $PPID; exec sleep 2'));
# It ends by itself, with nobody waiting for it.
my @LEASE = ('--', $Crash::QUIETBENCH, 'apply', '-c', Crash::last_cpu(), '-s', 'cpus.isolation=none', '--for', '100ms');
# (A child of the monitor's serves it, which changes nothing of the host's: the monitor is the one to kill.)
my @SHARED = ('--', $Crash::QUIETBENCH, 'run', '--shared', @RUN[3 .. $#RUN]);
my @RESTORE = ('--', $Crash::QUIETBENCH, 'restore');

Crash::seeded();
Crash::on_hosts(\&matrix, @ARGV ? @ARGV : ('small-hwp', 'small-boost'));

sub matrix {
	my ($host) = @_;
	srand $ENV{QB_SEED};
	my $run = $host->count(@RUN);
	$host->judge and return $host->result(0, 'an undisturbed run leaves nothing');
	# The first change of the way back.
	my $back = $run->{bench}{monitor} + 1;
	my $dead = "monitor:$back:kill=monitor";
	my $recovery = $host->count($dead, @RUN);
	$host->judge;
	# It dies while nobody waits for it: the client has just taken leave of the benchmark.
	my $unasked = "client:@{[ $run->{bench}{client} + 1 ]}:kill=monitor";
	my $alone = $host->count($unasked, @RUN);
	$host->judge;
	# All die, and a later quietbench finds it.
	my @leave = ("monitor:$back:kill=$ALL", @RUN);
	$host->strike(@leave);
	my $later = $host->count(@RESTORE);
	$host->judge;

	my $lease = $host->count(@LEASE);
	$host->judge;
	my $shared = $host->count(@SHARED);
	$host->judge;

	# name, victims, role whose changes are counted, calls, stride without QB_FULL, strikes before it, command, first
	my @rows = grep { !$ENV{QB_ROW} || $_->[0] eq $ENV{QB_ROW} } (
		['run', 'monitor', 'monitor', $run, 2],
		['run', 'client', 'monitor', $run, 6],
		['run', 'guardian', 'monitor', $run, 6],
		['run', $ALL, 'monitor', $run, 4],
		['run', 'client', 'client', $run, 2],
		['run', $ALL, 'client', $run, 2],
		['run', 'guardian', 'guardian', $run, 2],
		['run', 'child', 'child', $run, 1],
		['deserted run', 'monitor', 'monitor', $run, 6, [], \@DESERTED, $back],
		['deserted run', 'guardian+monitor', 'monitor', $run, 6, [], \@DESERTED, $back],
		['lease', 'monitor', 'monitor', $lease, 6, [], \@LEASE],
		['lease', 'guardian+monitor', 'monitor', $lease, 6, [], \@LEASE],
		['lease', 'client', 'client', $lease, 2, [], \@LEASE],
		['shared run', 'monitor', 'monitor', $shared, 8, [], \@SHARED],
		['shared run', 'guardian+monitor', 'monitor', $shared, 8, [], \@SHARED],
		['recovery', 'recovery', 'recovery', $recovery, 2, [$dead]],
		['recovery', 'recovery+guardian', 'recovery', $recovery, 3, [$dead]],
		['recovery', 'recovery+guardian+client', 'recovery', $recovery, 3, [$dead]],
		['recovery unasked', 'recovery', 'recovery', $alone, 3, [$unasked]],
		['later restore', 'monitor', 'monitor', $later, 3, [], \@RESTORE],
		['later restore', $ALL, 'monitor', $later, 3, [], \@RESTORE],
	);
	my ($kills, $bad) = (0, 0);
	for (@rows) {
		my ($n, $wrong) = row($host, \@leave, @$_);
		$kills += $n;
		$bad += $wrong;
	}
	$host->comment("$kills kills, $bad left something");
}

# Kills at each N. Returns how many there were, and after how many something was left.
sub row {
	my ($host, $leave, $name, $victims, $role, $calls, $stride, $before, $command, $first) = @_;
	my @call = @{ $calls->{$role} };
	my ($kills, $bad) = (0, 0);

	$stride = $Crash::FULL ? 1 : $stride * ($COARSER{ $host->{name} } // 1);
	$first //= 1;
	for (my $n = $first + int rand min($stride, @call - $first + 1); $n <= @call; $n += $stride) {
		$host->strike(@$leave) if $name eq 'later restore';
		my $struck = $host->strike(@{ $before // [] }, "$role:$n:kill=$victims", @{ $command // \@RUN });
		# A thread born while it was counted is a call more: then the last one is the one before.
		if ($struck == 1 && $n == @call && $n > 1) {
			$host->judge;
			$struck = $host->strike(@{ $before // [] }, "$role:@{[ $n - 1 ]}:kill=$victims", @{ $command // \@RUN });
		}
		my @wrong = $struck == 1 ? ("the call never came; counted was: $call[$n - 1]") : ();
		push @wrong, healed_later($host) if $victims =~ /guardian/;
		push @wrong, $host->judge;
		$kills++;
		next unless @wrong;
		$bad++;
		$host->complain("$name, $victims killed at the $role\'s change $n ($call[$n - 1]):", map({ "  $_" } @wrong),
			map { "    $_" } @{ $host->{seen} });
	}
	$host->result($kills && !$bad, "$name, $victims killed at the $role\'s changes: $kills kills, $bad left something");
	return ($kills, $bad);
}

# Nobody who could heal it may be left: then a later restore does, and says so.
sub healed_later {
	my ($host) = @_;
	my @seen = @{ $host->{seen} };
	my $status = $host->strike(@RESTORE);
	my $restored = grep { $_ eq 'end client status 0' } @{ $host->{seen} };

	$host->{seen} = [@seen, @{ $host->{seen} }];
	return $status == 0 && $restored ? () : ('restore failed: ' . Crash::content($host->{out}));
}
