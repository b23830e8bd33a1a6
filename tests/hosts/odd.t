#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Odd hosts: every file of /sys and /proc that the programs read, one at a time, is empty, huge, binary, a folder,
# unreadable, gone, or vanishes between two reads. Whatever it is: no crash (the sanitized programs look), no hang, and
# either an answer in JSON or one line that says what is wrong. A run leaves every other file as it was.
#
# Of files that differ by their numbers alone (cpu3, policy3, irq33) one is taken, and of the oddities one each time, in turn.
# With QB_FULL=1, or a host's name as argument: all oddities of each, by all commands.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

my $FULL = $ENV{QB_FULL} || @ARGV;
my $PATIENCE = 60; # seconds; it takes a fraction of one
my $SOURCE = abs_path("$FindBin::RealBin/../..");
my $BUILD = abs_path($ENV{QB_BUILD} // "$SOURCE/build");
my $WITH_HOST = abs_path($ENV{BUILD} // "$SOURCE/build") . '/tests/with-host';
my $ROOT = $> == 0;
my @AS_NOBODY = $ROOT ? qw(setpriv --reuid 4242 --regid 4242 --clear-groups --) : ();

my $MIB = 1 << 20;
# What becomes of the file: its new text, or something else.
my %TEXTS = (
	empty => '',
	blank => "\n",
	huge => '1,' x ($MIB / 2) . "1\n",
	'huge number' => '7' x $MIB . "\n",
	'huge lines' => "processor : 0\nflags : x\n0-3 ff on\n" x ($MIB / 40),
	binary => join('', map { chr } 0 .. 255) x 4,
	'no UTF-8' => "\xff\xfe\x80\n",
	negative => "-1\n",
	'too large' => "18446744073709551616\n",
	hex => "ffffffff,ffffffff\n",
	word => "<unknown>\n",
);
my @ODDITIES = (sort(keys %TEXTS), 'folder', 'unreadable', 'gone', 'vanishes', 'fails');
my %COMMANDS = (plan => [0, 2], topology => [0, 2], doctor => [0, 2]);

my $tmp = tempdir('quietbench-odd.XXXXXX', DIR => -w '/dev/shm' ? '/dev/shm' : '/tmp', CLEANUP => 1);
delete $ENV{ASAN_OPTIONS}; # tests/run's look for leaks, which ends in an error under ptrace
my $programs = programs();

# The sanitized programs, the shipped profiles beside their folder.
sub programs
{
	mkdir "$tmp/bin" or BAIL_OUT("$tmp/bin: $!");
	for my $name ('quietbench', 'quietbench-helper', 'quietbench-planner') {
		my $from = "$BUILD/san/$name";
		-x $from or plan skip_all => "needs `make BUILD=build/san SANITIZE=1 all`: $from";
		copy($from, "$tmp/bin/$name") && chmod 0755, "$tmp/bin/$name" or BAIL_OUT("$tmp/bin/$name: $!");
	}
	make_path("$tmp/profiles");
	copy($_, "$tmp/profiles") or BAIL_OUT("$_: $!") for glob "$SOURCE/profiles/*.yaml";
	system('chmod', '-R', 'a+rX', $tmp) == 0 or BAIL_OUT('chmod');
	return "$tmp/bin";
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:raw', $file or return '';
	local $/;
	return scalar(<$in>) // '';
}

sub put
{
	my ($file, $text) = @_;
	open my $out, '>:raw', $file or BAIL_OUT("$file: $!");
	print $out $text;
	close $out or BAIL_OUT("$file: $!");
}

# Runs a command; returns its status as a shell has it. What it says is in $tmp/out and $tmp/err.
sub run
{
	my (@command) = @_;
	my $pid = fork // BAIL_OUT("fork: $!");
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$tmp/out";
		open STDERR, '>', "$tmp/err";
		exec 'timeout', '-s', 'KILL', $PATIENCE, @command or exit 127;
	}
	waitpid $pid, 0;
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# The files below $dir that these commands open there, relative to it; of each kind the first.
sub files_read
{
	my ($dir) = @_;
	my (%seen, %kind);
	for my $command (sort keys %COMMANDS) {
		run('strace', '-f', '-e', 'trace=openat,open', '-o', "$tmp/trace",
			"$programs/quietbench", $command, '--json', '--root', $dir);
		$seen{$_} = 1 for slurp("$tmp/trace") =~ m{"/?((?:sys|proc)/[^"]+)"}g;
	}
	$kind{ s/\d+/N/gr } //= $_ for sort grep { -f "$dir/$_" } keys %seen;
	return sort values %kind;
}

# Makes the file odd; returns what to put before a command, and what undoes it.
sub make_odd
{
	my ($dir, $file, $oddity) = @_;
	my $path = "$dir/$file";
	my $undo = sub { remove_tree($path); rename "$path.was", $path or BAIL_OUT("$path: $!") };
	if ($oddity eq 'vanishes' || $oddity eq 'fails') {
		my $fault = $oddity eq 'fails' ? 'read,pread64:error=ENODEV' : 'openat,open:error=ENOENT:when=2+';
		return ([qw(strace -f -o /dev/null), map({ ('-P', $_) } $file, "/$file", abs_path($path)), '-e', "inject=$fault"], sub { });
	}
	rename $path, "$path.was" or BAIL_OUT("$path: $!");
	if (exists $TEXTS{$oddity}) {
		put($path, $TEXTS{$oddity});
	} elsif ($oddity eq 'folder') {
		mkdir $path or BAIL_OUT("$path: $!");
	} elsif ($oddity eq 'unreadable') {
		copy("$path.was", $path) && chmod 0, $path or BAIL_OUT("$path: $!");
	} # else it is gone
	return ([], $undo);
}

# Is what the last command did an answer, or a refusal in one line? The reason why not, or ''.
sub judge
{
	my ($status, $allowed, $json) = @_;
	my ($out, $err) = (slurp("$tmp/out"), slurp("$tmp/err"));
	$err =~ s/^strace: Requested path .*\n//mg; # a link in the real /sys
	return "a hang of $PATIENCE s" if $status == 137;
	return "status $status: $err" unless grep { $status == $_ } @$allowed;
	return "a crash: $err" if $err =~ /Sanitizer|runtime error|died|ended with status|signal/;
	return "more than its own lines: $err" if $err =~ /^(?!quietbench: .)/m && $err ne '';
	return "no reason" if $status && $err eq '';
	return '' if $status || !$json;
	return eval { JSON::PP->new->utf8->decode($out); 1 } ? '' : "no JSON: $@";
}

# A run on a copy of the host that is odd in this way. 1: it is not stood.
sub try_run
{
	my ($dir, $file, $oddity) = @_;
	my $copy = "$tmp/copy";
	system('cp', '-a', $dir, $copy) == 0 or BAIL_OUT("copy $dir");
	my $real = substr abs_path("$copy/$file"), length $copy; # cpu0/cpufreq is a link to cpufreq/policy0
	make_odd($copy, $file, $oddity);
	rename "$copy/$file.was", "$tmp/was" or BAIL_OUT("$copy/$file: $!");
	my $status = run($WITH_HOST, $copy, "$programs/quietbench", 'run', '--no-check', '-v', '--', 'true');
	my $why = judge($status, [0, 124, 125], 0);
	my @changed = grep { !m{\Q$real\E|: run$} } split /\n/, `diff -rq --no-dereference '$dir' '$copy' 2>&1`;
	$why ||= "it left changed:\n@changed\n" . slurp("$tmp/err") if @changed && $status != 124;
	remove_tree($copy);
	return 0 if $why eq '';
	fail("run: $file: $oddity");
	diag($why);
	return 1;
}

# Every command on a host that is odd in this way. How many do not stand it.
sub try_odd
{
	my ($dir, $file, $oddity, @commands) = @_;
	my ($before, $undo) = make_odd($dir, $file, $oddity);
	my $bad = 0;
	for my $command (@commands) {
		my $status = run(@$before, @AS_NOBODY, "$programs/quietbench", $command, '--json', '--root', $dir);
		my $why = judge($status, $COMMANDS{$command}, 1);
		next if $why eq '';
		fail("$command: $file: $oddity");
		diag($why);
		$bad++;
	}
	$undo->();
	return $bad;
}

for my $host (@ARGV ? @ARGV : $FULL ? qw(small-hwp vm small-boost arm64) : qw(small-hwp)) {
	my $dir = "$tmp/$host";
	system("$FindBin::RealBin/make-host", $host, $dir) == 0 or BAIL_OUT("make-host $host");
	system('chmod', '-R', 'a+rX', $dir);
	my @files = files_read($dir);
	my @commands = sort keys %COMMANDS;
	my ($turn, $tried, $ran, $bad) = (0, 0, 0, 0);
	cmp_ok(scalar @files, '>', 40, "$host: files that are read are found");
	for my $file (@files) {
		my @oddities = $FULL ? @ODDITIES : $ODDITIES[$turn % @ODDITIES];
		for my $oddity (@oddities) {
			$bad += try_odd($dir, $file, $oddity, $FULL ? @commands : $commands[$turn % @commands]);
			$tried++;
		}
		for my $oddity (grep { exists $TEXTS{$_} } @oddities) {
			next unless $FULL || $turn % 8 == 0;
			$bad += try_run($dir, $file, $oddity);
			$ran++;
		}
		$turn++;
	}
	is(run(@AS_NOBODY, "$programs/quietbench", 'plan', '--json', '--root', $dir), 0, "$host: in the end as it was");
	is($bad, 0, "$host: $tried odd files, and $ran runs beside them, are stood");
	cmp_ok($ran, '>', 2, "$host: runs are tried, too");
}
done_testing;
