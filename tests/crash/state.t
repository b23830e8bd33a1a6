#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What a run leaves in /run is cut short at any byte, overwritten, of another boot, or planted; or /run is full. Whatever
# quietbench cannot trust it says so of, names the file, and writes nothing from it to the host; nothing is lost, and
# what it advises is a way out. With QB_FULL set every byte is tried, otherwise some.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;

my $RUN = '/run/quietbench';
my $LOOK = qr/nothing was written from it; look at it, then remove it/;
my $STRIDE = $Crash::FULL ? 1 : 211;
my @TRUE = Crash::run_command('true');
my @RESTORE = ($Crash::QUIETBENCH, 'restore');

Crash::on_hosts(\&trouble, @ARGV ? @ARGV : 'small-hwp');

sub trouble {
	my ($host) = @_;
	my $calls = $host->count('--', @TRUE);
	my @leave = ("monitor:@{[ $calls->{bench}{monitor} + 1 ]}:kill=client+guardian+monitor", '--', @TRUE);

	$host->strike(@leave);
	# The host as the dead session left it: so it must stay, whatever is made of the journal.
	$host->{clean} = $host->{tree};
	$host->{tree} = $host->tree;
	my $journal = Crash::content("$RUN/journal");
	my $used = length($journal =~ s/\0+\z//r);

	journal_cut($host, $journal, $used);
	journal_changed($host, $journal, $used);
	planted($host, 'journal', $journal, $LOOK);
	$host->result($host->run(@TRUE) eq '0' && !$host->mend, 'with the journal removed, as advised, a run works');
	planted($host, 'lock', '', qr/remove it and try again/);
	put("$RUN/journal", $journal);
	$host->{tree} = $host->{clean};
	$host->result($host->run(@RESTORE) eq '0' && !$host->judge, 'the journal itself restores all');
	other_boot($host, $journal);
	lists($host, $calls);
	full($host);
}

sub put {
	my ($path, $text) = @_;

	unlink $path;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
}

# A run and a restore, neither of which may do anything but say what is wrong with the file.
sub refused {
	my ($host, $file, $advice) = @_;
	my @wrong;

	for ([125, @TRUE], [1, @RESTORE]) {
		my ($status, @command) = @$_;
		my $is = $host->run('timeout', '10', @command);
		my $out = Crash::content($host->{out});

		push @wrong, "$command[1] ended with $is instead of $status: $out" if $is ne $status;
		push @wrong, "$command[1] does not say what to do: $out"
			unless $out =~ m{\Q$RUN/$file\E.*: $advice};
	}
	push @wrong, "the $file is gone" unless -e "$RUN/$file" || -l "$RUN/$file";
	return (@wrong, $host->mend);
}

sub journal_cut {
	my ($host, $journal, $used) = @_;
	my ($n, $bad) = (0, 0);

	for (my $length = 0; $length <= $used; $length += $STRIDE) {
		put("$RUN/journal", substr $journal, 0, $length);
		my @wrong = refused($host, 'journal', $LOOK);
		$n++;
		$bad++ if @wrong;
		$host->complain("cut after $length bytes:", @wrong) if @wrong;
	}
	$host->result(!$bad, "a journal cut short is not restored from: $n lengths");
}

# One byte is another. What belongs to no record at all must be zero.
sub journal_changed {
	my ($host, $journal, $used) = @_;
	my ($n, $bad) = (0, 0);

	for (my $at = 0; $at < $used + 64; $at += $STRIDE) {
		my $text = $journal;
		substr($text, $at, 1) ^= "\x40";
		put("$RUN/journal", $text);
		my @wrong = refused($host, 'journal', $LOOK);
		$n++;
		$bad++ if @wrong;
		$host->complain("byte $at changed:", @wrong) if @wrong;
	}
	$host->result(!$bad, "a damaged journal is not restored from: $n bytes");
}

# It is not root's own file.
sub planted {
	my ($host, $file, $text, $advice) = @_;
	my $path = "$RUN/$file";
	my %ways = (
		'another user\'s' => sub { put($path, $text); chown 65534, 65534, $path },
		'writable for all' => sub { put($path, $text); chmod 0666, $path },
		'a link' => sub { put("$RUN/elsewhere", $text); symlink "$RUN/elsewhere", $path },
		'a FIFO' => sub { system('mkfifo', $path) },
		'a folder' => sub { mkdir $path },
		'a socket' => sub { system($^X, '-MIO::Socket::UNIX', '-e', 'IO::Socket::UNIX->new(Local => shift, Listen => 1)', $path) },
	);

	for my $way (sort keys %ways) {
		unlink $path;
		$ways{$way}->();
		my @wrong = refused($host, $file, $advice);
		$host->complain(@wrong);
		$host->result(!@wrong, "a $file that is $way is not trusted");
		rmdir $path or unlink $path, "$RUN/elsewhere";
	}
}

# What it tells of went with that boot.
sub other_boot {
	my ($host, $journal) = @_;
	my $id = "$host->{dir}/proc/sys/kernel/random/boot_id";
	my $own = Crash::content($id);

	put("$RUN/journal", $journal);
	open my $out, '>', $id or die "$id: $!";
	print $out "00000000-0000-4000-8000-000000000000\n";
	close $out;
	my $status = $host->run(@RESTORE);
	my @left = Crash::state_left();
	open $out, '>', $id or die "$id: $!";
	print $out $own;
	close $out;
	$host->result($status eq '0' && !@left && !$host->judge, 'another boot\'s journal is removed, and nothing written from it');
}

# The summary and the list of what was not put back.
sub lists {
	my ($host, $calls) = @_;
	my ($governor) = grep { $calls->{monitor}[$_ - 1] =~ /^p?write\w* .*scaling_governor/ && $_ > $calls->{bench}{monitor} }
		1 .. @{ $calls->{monitor} };

	# A failure that is kept.
	$host->strike("monitor:$governor:bar=5", '--', @TRUE);
	my $list = Crash::content("$RUN/conflicts");
	my ($n, $bad) = (0, 0);
	$host->{tree} = $host->tree;
	for (my $length = 0; $length < length $list; $length += $Crash::FULL ? 1 : 29) {
		put("$RUN/conflicts", substr $list, 0, $length);
		my $status = $host->run(@RESTORE);
		my $out = Crash::content($host->{out});
		my @wrong = $host->mend;
		push @wrong, "restore ended with $status: $out" if $status ne '1' || $out !~ m{$RUN/conflicts.*look at it, then remove it};
		push @wrong, "status is silent: " . Crash::content($host->{out})
			if $host->run($Crash::QUIETBENCH, 'status') ne '3' || Crash::content($host->{out}) !~ m{$RUN/conflicts};
		push @wrong, 'the list is gone' unless -e "$RUN/conflicts" && -s _ == $length;
		$n++;
		$bad++ if @wrong;
		$host->complain("the list cut after $length bytes:", @wrong) if @wrong;
	}
	$host->result($n && !$bad, "a list of failures cut short is not restored from: $n lengths");
	put("$RUN/conflicts", substr $list, 0, 100);
	$host->result($host->run(@TRUE) eq '0', 'nor is it in the way of a run') or $host->complain(Crash::content($host->{out}));
	put("$RUN/conflicts", $list);
	$host->{tree} = $host->{clean};
	$host->result($host->run(@RESTORE) eq '0' && !$host->judge, 'the list itself puts back what is on it');

	put("$RUN/summary", 'x' x 100);
	my $status = $host->run($Crash::QUIETBENCH, 'status');
	$host->result($status eq '4' && Crash::content($host->{out}) =~ m{$RUN/summary}, 'status knows nothing from a damaged summary');
	$host->result($host->run(@TRUE) eq '0' && !$host->judge, 'which is not in the way of a run');
}

# From no room at all to enough: a run either works or changes nothing.
sub full {
	my ($host) = @_;
	my (%statuses, @wrong);

	for my $kib (4, 8, 16, 32, 64, 96, 128, 192, 256, 512, 4096) {
		system('mount', '-t', 'tmpfs', '-o', "size=${kib}k,mode=0755", 'tmpfs', $RUN) == 0 or die 'mount';
		my $status = $host->run(@TRUE);
		my $out = Crash::content($host->{out});
		my @bad = $host->mend;
		push @bad, "the run ended with $status" unless $status eq '0' || $status eq '125';
		push @bad, 'it does not say what to do' if $status ne '0' && $out !~ m{free some space};
		push @bad, map { "left: $_" } Crash::state_left();
		push @wrong, map { "$kib KiB: $_: $out" } @bad;
		$statuses{$status}++;
		system('umount', $RUN) == 0 or die 'umount';
	}
	$host->complain(@wrong);
	$host->result(!@wrong && $statuses{0} && $statuses{125}, 'a full /run refuses a run, and nothing is left of it');
}
