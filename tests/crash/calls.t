#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Every system call of every process, those that only wait included: before or after it a process is killed, or stopped
# for good, or stands still for some seconds, while the others go on. Then:
#
#   - the client ends, whoever else does not;
#   - it ends by itself, though the programs that root asks (bus, watcher) are dead, or stopped for good;
#   - within 2 s of its end nobody of a session is left (but a guardian that we hold up ourselves);
#   - nobody holds the lock: another user's run begins within 2 s, whatever is left of the session;
#   - the host is as it was. Where nobody was left who could put it back, that other run has done it.
#
# calls.t [HOST...]. All of it takes hours (QB_FULL set, make check-full); otherwise there is a sample, drawn from all kinds
# of calls, roles and harms alike, the same each time; QB_SEED=N draws another one, QB_SAMPLE=N more or fewer.
# QB_ONLY=PATTERN takes all those whose names (what a complaint begins with) match, and shows all it saw of them.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use List::Util qw(shuffle);
use lib "$FindBin::RealBin/lib";
use Crash;

my $SAMPLE = $ENV{QB_SAMPLE} // 320;
my $DELAY_MS = 3000;
my @USER = map { ['setpriv', '--reuid', $_, '--regid', $_, '--clear-groups', '--'] } 4242, 4243;
my ($QB, $RUN) = ($Crash::QUIETBENCH, join ' ', Crash::run_command('true'));
my $APPLY = join ' ', $QB, 'apply', '-c', Crash::last_cpu(), '-s', 'cpus.isolation=none', '-s', 'irqs.irqbalance=keep';
my $SHARED = $RUN =~ s/ run / run --shared /r;

# What is run, and how long others may live on when no client does: a lease lasts as long as it was asked for, and who holds
# it up then keeps nobody waiting.
my %SCENARIO = (
	'run' => [2000, split / /, $RUN],
	# The client may not use perf: it asks the helper to watch.
	'member' => [2000, @{ $USER[0] }, split / /, $RUN],
	'lease' => [2000 + 100 + $DELAY_MS, split / /, "$APPLY --for 100ms"],
	'join' => [2000 + 3000 + $DELAY_MS, @{ $USER[0] }, 'sh', '-c', "$APPLY --for 3s; $RUN; $QB restore"],
	'shared' => [2000, split / /, $SHARED],
	# quietbench-bus is asked, though nobody listens on its bus.
	'bus' => [2000, split / /, $RUN =~ s/ -- / -s services.stop=[cron.service] -- /r],
);
# A host that systemd has booted, as far as a look tells.
my @BOOTED = ('/run/systemd', '/run/systemd/system', '/run/dbus');

# Which call is of which kind; a change is what strike says is one.
my @KINDS = (
	[qr{^(recv|accept|read (socket|anon_inode|pipe))}, 'receive'],
	[qr{^(poll|ppoll|epoll_p?wait|wait|rt_sigtimedwait)}, 'wait'],
	[qr{^(send|connect|shutdown|writev? (socket|pipe))}, 'send'],
);
# What is done at a role's calls: at which side of the call, what, and when the client is killed that still lives.
my $LATE = 6000;
my @HARM = (['', 'kill=%s', $LATE], ['+', 'kill=%s', $LATE], ['+', 'stop=%s', 1000], ['+', "delay=$DELAY_MS", $LATE]);
my @ASKED = map { [@$_[0, 1], $LATE] } @HARM;
my %HARM = (
	monitor => [@HARM, ['', 'kill=guardian+%s', $LATE], ['+', 'stop=%s', 0], ['+', "delay=$DELAY_MS", 0], ['+', 'kill=client', 0]],
	client => [@HARM],
	guardian => [@HARM],
	guest => [@HARM, ['', 'kill=keeper+%s', $LATE], ['+', 'kill=client', 0]],
	keeper => [@HARM],
	planner => [@HARM],
	child => [@HARM],
	bus => [@ASKED],
	watcher => [@ASKED],
);

Crash::seeded();
my $made = $ENV{QB_CRASH_HOST} || Crash::programs_for_all();
Crash::on_hosts(\&matrix, @ARGV ? @ARGV : 'small-hwp*8');

sub matrix {
	my ($host) = @_;
	my ($bad, @points, @missed, %row) = 0;

	srand $ENV{QB_SEED};
	for my $scenario (sort keys %SCENARIO) {
		boot($scenario);
		my $calls = $host->count_all('--', command($scenario));
		my @wrong = ($host->judge, others_run($host));
		$host->complain(@wrong, @{ $host->{seen} }) if @wrong;
		return $host->result(0, "$scenario: undisturbed it leaves nothing") if @wrong;
		push @points, points($scenario, $calls);
	}
	@points = share($host, grep { $_->{name} =~ ($ENV{QB_ONLY} // '.') } shuffle @points);
	for my $point (@points) {
		my ($came, @wrong) = harm($host, $point);
		$row{ $point->{row} }{n}++;
		$row{ $point->{row} }{bad}++ if @wrong;
		$bad++ if @wrong;
		my @seen = ("$point->{name}:", map({ "  $_" } @wrong), map { "    $_" } @{ $host->{seen} }, split /\n/, Crash::content($host->{out}));
		push @missed, "$point->{name} did not come" unless $came;
		if (@wrong) { $host->complain(@seen) } elsif ($ENV{QB_ONLY}) { $host->comment($_) for @seen }
	}
	$host->comment($_) for @missed;
	$host->comment("$_: $row{$_}{n} times, @{[ $row{$_}{bad} // 0 ]} wrong") for sort keys %row;
	# Near their end client and monitor make now a few more calls, now a few less.
	$host->result(!$bad && @points && 4 * @missed <= 4 + @points, @points . ' calls, ' . @missed . " did not come, $bad wrong");
}

# For each kind of call that a role makes, and each harm: all of them, or some.
sub points {
	my ($scenario, $calls) = @_;
	my $all = $Crash::FULL || $ENV{QB_ONLY};
	my @points;

	for my $role (sort keys %HARM) {
		my (%kinds, %text);
		for (@{ $calls->{$role} // [] }) {
			my ($n, $kind, $text) = @$_;
			($kind) = (map({ $_->[1] } grep { $text =~ $_->[0] } @KINDS), $kind);
			push @{ $kinds{$kind} }, $n;
			$text{$n} = $text;
		}
		for my $kind (sort keys %kinds) {
			for my $harm (@{ $HARM{$role} }) {
				my ($side, $action, $client_ms) = @$harm;
				my @n = $all ? @{ $kinds{$kind} } : $kinds{$kind}[rand @{ $kinds{$kind} }];
				$action =~ s/%s/$role/;
				push @points, map { {
					n => $_, scenario => $scenario, strike => "$role/call:$_$side:$action", client_ms => $client_ms,
					row => "$scenario, $role$side:$action, client killed after $client_ms ms",
					name => "$scenario $role/call:$_$side:$action, client killed after $client_ms ms ($text{$_})",
				} } @n;
			}
		}
	}
	return @points;
}

# What this part does. All parts have the same calls, but for a few.
sub share {
	my ($host, @points) = @_;

	return grep { $_->{n} % $host->{parts} == $host->{part} - 1 } @points if $Crash::FULL || $ENV{QB_ONLY};
	$#points = $SAMPLE - 1 if @points > $SAMPLE;
	return @points[grep { $_ % $host->{parts} == $host->{part} - 1 } 0 .. $#points];
}

sub boot {
	my ($scenario) = @_;

	if ($scenario eq 'bus') { mkdir $_ for @BOOTED } else { rmdir $_ for reverse @BOOTED }
}

sub command { my (undef, @command) = @{ $SCENARIO{ $_[0] } }; return @command }

sub harm {
	my ($host, $point) = @_;
	my ($scenario, $strike) = @$point{'scenario', 'strike'};
	# A lease's monitor that stands still cannot be told from one that waits; the shared runs' session is one, too.
	my $outlive = $SCENARIO{$scenario}[0] + ("$scenario $strike" =~ m{^shared monitor/.*delay} ? $DELAY_MS : 0);
	boot($scenario);
	my $status = $host->strike("-c$point->{client_ms}", "-o$outlive", $strike, '--', command($scenario));
	my @stopped = map { /^stopped \w+ (\d+)/ } @{ $host->{seen} };
	# Is there somebody left whose work it is?
	my $healers = $strike !~ /:(kill|stop)=.*guardian/ && $strike !~ m{^guardian/};
	my @wrong;

	push @wrong, 'the client had to be killed' if $point->{client_ms} == $LATE && grep { /^client killed/ } @{ $host->{seen} };
	push @wrong, 'the host differs, though the guardian lives' if $healers && !@stopped && $host->differs;
	push @wrong, others_run($host);
	kill 'KILL', @stopped;
	push @wrong, $host->judge;
	return ($status != 1, @wrong);
}

# Another user's run, for which nobody may hold the lock.
sub others_run {
	my ($host) = @_;
	my @seen = @{ $host->{seen} };
	my $out = Crash::content($host->{out});
	my $status = $host->run('timeout', '10', @{ $USER[1] }, (split / /, $RUN =~ s/ run / run --lock-wait 2s /r));
	my $said = Crash::content($host->{out});
	my @wrong;

	push @wrong, "another user's run ended with $status: $said" if $status ne '0';
	push @wrong, "another user's run had no privilege: $said" if $said =~ /NOT CONDITIONED/;
	open my $all, '>', $host->{out} or die "$host->{out}: $!";
	print $all $out, map { "other: $_\n" } split /\n/, $said;
	close $all;
	$host->{seen} = \@seen;
	return @wrong;
}
