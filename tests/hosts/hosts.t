#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Are the substituted hosts what they claim to be, in hwloc's eyes, and does with-host show a
# command exactly them, and keep it off the real machine? Needs hwloc-nox; BUILD names the folder
# that holds tests/with-host.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find qw(find);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $HERE = $FindBin::RealBin;
my $MAKE_HOST = "$HERE/make-host";
my $WITH_HOST = abs_path(($ENV{BUILD} // "$HERE/../../build") . '/tests/with-host');

# What hwloc finds: packages, cores, PUs, nodes, L3 caches, kinds of core. All '-': it must refuse.
my %EXPECTED = (
	'amd-boost' => [2, 16, 32, 2, 4, 1],
	'amd-pstate' => [1, 8, 16, 1, 2, 1],
	'arm64' => [1, 8, 8, 1, 1, 3],
	'cpu0-offline' => [1, 2, 2, 1, 1, 1],
	'four-socket' => [4, 32, 64, 4, 4, 1],
	'hybrid' => [1, 14, 20, 1, 1, 2],
	'intel-hwp' => [1, 8, 16, 1, 1, 1],
	'isolated' => [1, 4, 8, 1, 1, 1],
	'no-topology' => [('-') x 6],
	'offline-holes' => [2, 8, 12, 3, 2, 1],
	'one-cpu' => [1, 1, 1, 1, 1, 1],
	'scale:8,60' => [1, 4, 8, 1, 1, 1],
	'scale:384,2000' => [2, 192, 384, 2, 24, 1],
	'small-boost' => [2, 2, 4, 2, 2, 1],
	'small-hwp' => [1, 2, 4, 1, 1, 1],
	'smt-off' => [1, 4, 4, 1, 1, 1],
	'two-cpus' => [1, 2, 2, 1, 1, 1],
	'vm' => [1, 4, 4, 1, 1, 0],
);

# Oddities of real machines that a reader must stand, and where they are kept.
my @QUIRKS = (
	['intel-hwp', 'sys/devices/system/cpu/nohz_full', qr/^ +\(null\)\n\z/],
	['intel-hwp', 'sys/devices/system/cpu/cpufreq/policy0/energy_performance_available_preferences',
		qr/ power \n\z/],
	['intel-hwp', 'sys/devices/system/cpu/isolated', qr/^\n\z/],
	['two-cpus', 'proc/irq/26/smp_affinity_list', qr/^0-3\n\z/],
	['two-cpus', 'proc/irq/5/effective_affinity_list', qr/^\n\z/],
	['two-cpus', 'sys/devices/system/cpu/cpufreq/policy0/scaling_available_frequencies', qr/\d \n\z/],
	['amd-pstate', 'sys/devices/system/cpu/cpufreq/policy0/cpuinfo_avg_freq', qr/^\z/],
	['arm64', 'sys/devices/system/cpu/cpufreq/policy7/cpuinfo_cur_freq', qr/^\z/],
	['arm64', 'sys/devices/system/cpu/cpufreq/policy7/scaling_available_frequencies', qr/^595000 \d+ 3187000 \n\z/],
	['amd-boost', 'sys/devices/system/cpu/cpufreq/policy0/scaling_available_frequencies',
		qr/^2300000 \d+ 1500000 \n\z/],
	['no-topology', 'sys/devices/system/cpu/cpufreq/policy3/scaling_governor', qr/^\z/],
	['four-socket', 'sys/devices/system/node/node0/cpulist', qr/^0,4,8,/],
	['four-socket', 'sys/devices/system/cpu/cpu0/topology/package_cpus', qr/^11111111,11111111\n\z/],
	['offline-holes', 'sys/devices/system/cpu/present', qr/^0-3,6-15\n\z/],
	['offline-holes', 'sys/devices/system/cpu/offline', qr/^4-5,9,14,16-19\n\z/],
	['offline-holes', 'sys/devices/system/node/node3/cpulist', qr/^\n\z/],
	['cpu0-offline', 'sys/devices/system/cpu/cpu0/online', qr/^0\n\z/],
	['cpu0-offline', 'sys/devices/system/node/online', qr/^1\n\z/],
	['isolated', 'sys/devices/virtual/workqueue/cpumask', qr/^f3\n\z/],
	['isolated', 'sys/devices/virtual/workqueue/cpumask_requested', qr/^ff\n\z/],
	['vm', 'proc/cpuinfo', qr/^flags.* hypervisor$/m],
);

delete @ENV{ grep { /^HWLOC_/ } keys %ENV };
$ENV{HWLOC_COMPONENTS} = 'linux,stop';
# Tens of thousands of small files: seconds in memory, minutes on some disks.
my $base = $ENV{TMPDIR} // (-w '/dev/shm' ? '/dev/shm' : '/tmp');
my $tmp = tempdir('qb-hosts-XXXXXX', DIR => $base, CLEANUP => 1);

sub host_dir { my ($name) = @_; return "$tmp/" . $name =~ tr/:,/--/r }

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or return "cannot open $file: $!";
	local $/;
	return scalar(<$in>) // '';
}

# Runs a command; returns its wait status and what it printed, on either channel.
sub run
{
	my (@command) = @_;
	my $pid = open my $out, '-|' // die "fork: $!\n";
	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT or die "redirect: $!\n";
		exec @command or die "execute $command[0]: $!\n";
	}
	local $/;
	my $text = <$out> // '';
	close $out;
	return ($?, $text);
}

# Every path below a folder with its type, mode, link target and content.
sub inventory
{
	my ($dir) = @_;
	my %seen;
	find({ no_chdir => 1, wanted => sub {
		my $mode = (lstat $_)[2];
		my $content = -l _ ? readlink $_ : -f _ ? slurp($_) : '';
		$seen{ substr $_, length $dir } = sprintf '%o %s', $mode, $content;
	} }, $dir);
	return \%seen;
}

sub hwloc_sees
{
	my ($dir) = @_;
	local $ENV{HWLOC_FSROOT} = $dir;
	my ($status) = run('lstopo-no-graphics', '--no-io');
	return [('-') x 6] if $status != 0;
	my @counts;
	for my $type (qw(package core pu numanode l3cache)) {
		my (undef, $lines) = run('lstopo-no-graphics', '--only', $type);
		push @counts, scalar(() = $lines =~ /^\S/mg);
	}
	my (undef, $kinds) = run('lstopo-no-graphics', '--cpukinds');
	return [@counts, scalar(() = $kinds =~ /^CPU kind #/mg)];
}

sub test_generator
{
	my ($status, $list) = run($MAKE_HOST, '--list');
	is $status, 0, 'make-host --list succeeds';
	is_deeply [ sort $list =~ /^(\S+)/mg ], [ sort grep { !/:/ } keys %EXPECTED ],
		'each listed host has its expectations here';
	for my $name (sort keys %EXPECTED) {
		my ($failed, $said) = run($MAKE_HOST, $name, host_dir($name));
		is "$failed $said", '0 ', "make-host $name";
		is_deeply hwloc_sees(host_dir($name)), $EXPECTED{$name}, "hwloc sees $name as it is";
		next if $name =~ /384/; # the same code as the small one
		run($MAKE_HOST, $name, "$tmp/again");
		is_deeply inventory("$tmp/again"), inventory(host_dir($name)), "$name is the same every time";
		run('rm', '-rf', "$tmp/again");
	}
	my @irqs = glob host_dir('scale:384,2000') . '/proc/irq/[0-9]*';
	is scalar @irqs, 2000, 'as many IRQs as were asked for';
	for my $quirk (@QUIRKS) {
		my ($name, $file, $wanted) = @$quirk;
		like slurp(host_dir($name) . "/$file"), $wanted, "$name: $file";
	}
	for my $wrong (['nothing', "$tmp/x"], ['vm', host_dir('vm')], ['scale:0,1', "$tmp/x"], ['vm']) {
		my ($failed, $said) = run($MAKE_HOST, @$wrong);
		isnt $failed, 0, "make-host @$wrong fails";
		like $said, qr/no host|already|CPUs from|Usage/, '... and says why';
	}
	return;
}

# Prints each file below the current folder that / does not show with the same content.
my $COMPARE = <<'END';
use File::Find; use File::Compare;
find({ no_chdir => 1, wanted => sub { print "$_\n" if -f && !-l && compare($_, substr $_, 1) } }, '.');
END

sub test_substitution
{
	for my $name (sort grep { !/384/ } keys %EXPECTED) {
		my $dir = host_dir($name);
		my ($status, $differing) = run($WITH_HOST, $dir, 'env', '-C', $dir, 'perl', '-e', $COMPARE);
		is "$status $differing", '0 ', "$name: a command finds every file in its place";
	}
	my (undef, $node) = run($WITH_HOST, host_dir('no-topology'), 'ls', '/sys/devices/system/');
	unlike $node, qr/^node$/m, 'what the host lacks is gone';
	like $node, qr/^cpu$/m, '... and what it has is there';
	return;
}

sub test_with_host
{
	my $dir = host_dir('vm');
	my $sh = sub { return run($WITH_HOST, $dir, 'sh', '-c', @_) };
	is +($sh->('exit 7'))[0] >> 8, 7, 'with-host ends with the status of the command';
	is +($sh->('kill -TERM $$'))[0] & 127, 15, '... or by its signal';
	is +(run($WITH_HOST, $dir, "$tmp/nothing"))[0] >> 8, 127, '127: not found';
	is +(run($WITH_HOST, $dir, $tmp))[0] >> 8, 126, '126: not executable';
	for my $wrong ([], ["$tmp/nothing", 'true'], [$tmp, 'true'], ['--nothing', $dir, 'true']) {
		my ($status, $said) = run($WITH_HOST, @$wrong);
		is $status >> 8, 125, "with-host @$wrong: 125";
		like $said, qr/Usage|open host|find a host/, '... and says why';
	}

	is +($sh->('echo 0 > /proc/sys/kernel/timer_migration'))[0], 0, 'the host can be written';
	is slurp("$dir/proc/sys/kernel/timer_migration"), "0\n", '... and keeps it';
	isnt +($sh->('echo 0 > /sys/kernel/uevent_seqnum; echo 60 > /proc/sys/net/ipv4/tcp_fin_timeout'))[0], 0,
		'the machine cannot';
	is +($sh->('ls /run; touch /run/x'))[1], '', '/run is empty, and lost';
	ok !-e '/run/x', '... and not the machine\'s';
	mkdir "$dir/run" or die "create $dir/run: $!\n";
	$sh->('touch /run/kept');
	ok -e "$dir/run/kept", '/run is kept where the host has one';
	SKIP: {
		skip 'unprivileged: real cgroups stay mounted, though covered', 1 if $< != 0;
		unlike +($sh->('cat /proc/self/mountinfo'))[1], qr/ - cgroup/, 'no real cgroup is mounted';
	}
	return;
}

sub test_guard
{
	my $dir = host_dir('vm');
	my $stranger = fork // die "fork: $!\n";
	if ($stranger == 0) {
		setpgrp;
		sleep 600;
		exit 0;
	}
	my ($before) = slurp("/proc/$stranger/status") =~ /^(Cpus_allowed:.*)/m;
	for my $touch ("taskset -p -c 0 $stranger", "kill -KILL $stranger", "perl -e 'kill KILL => -$stranger or die \$!'",
		"renice 5 $stranger", "chrt -b -p 0 $stranger", "prlimit -n100:100 -p $stranger") {
		my ($status, $said) = run($WITH_HOST, $dir, 'sh', '-c', $touch);
		isnt $status, 0, "the guard refuses: $touch";
		like $said, qr/not permitted/, '... with EPERM';
	}
	is +(slurp("/proc/$stranger/status") =~ /^(Cpus_allowed:.*)/m)[0], $before, 'the stranger is as it was';
	my ($status, $said) = run($WITH_HOST, $dir, 'sh', '-c', 'sleep 600 & taskset -p -c 0 $! >/dev/null'
		. ' && renice 5 $! >/dev/null && kill $! && wait $!; echo $?');
	like $said, qr/^143$/m, 'its own children it lets the command touch';
	($status, $said) = run($WITH_HOST, $dir, 'sh', '-c', 'kill -0 999999999');
	like $said, qr/No such process/, 'of processes that are not there the kernel tells';
	# A process that ends while it is looked at: ESRCH from its folder in /proc, one time in some hundreds.
	($status, $said) = run($WITH_HOST, $dir, 'perl', '-e', '$SIG{CHLD} = "IGNORE"; for (1 .. 3000) {'
		. ' my $pid = fork // die "fork: $!\n"; exit 0 if !$pid; 1 while kill 0, $pid;'
		. ' $!{ESRCH} or die "$_: $!\n" } print "gone\n"');
	is $said, "gone\n", 'and of those that are just ending, never that it is not permitted';
	($status, $said) = run($WITH_HOST, '--pid-ns', $dir, 'sh', '-c', 'echo /proc/[0-9]*; exit 9');
	is "$said", "/proc/1 /proc/2\n", '--pid-ns: nobody else is there';
	is $status >> 8, 9, '... and the status is the command\'s';
	kill KILL => $stranger;
	waitpid $stranger, 0;
	return;
}

test_generator();
SKIP: {
	die "no $WITH_HOST: run make BUILD=... first\n" unless defined $WITH_HOST && -x $WITH_HOST;
	my ($status, $said) = run($WITH_HOST, host_dir('vm'), 'true');
	skip "no namespaces here: $said", 1 if $status != 0 && $said =~ /unshare/;
	test_substitution();
	test_with_host();
	test_guard();
}
done_testing();
