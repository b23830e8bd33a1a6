#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Which CPUs are chosen, on a matrix of odd hosts: each trait of a machine that was ever met alone, then some hundred
# combinations of them (the same ones every time), asked for in many ways. What must hold of every answer is checked
# against the model from which the host was made, not against an earlier answer. All hosts are shown by --root, to the
# sanitized programs.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;
use lib "$FindBin::RealBin/lib";
use Machine;
use Tree;
use Cpus;
use Cpufreq;
use Irqs;
use Kernel;

my $SOURCE = abs_path("$FindBin::RealBin/../..");
my $BUILD = abs_path($ENV{QB_BUILD} // "$SOURCE/build");
my $WITH_HOST = abs_path($ENV{BUILD} // "$SOURCE/build") . '/tests/with-host';
my $RANDOM_HOSTS = 100;
my $PATIENCE = 60; # seconds; it takes a fraction of one

my $tmp = tempdir('quietbench-matrix.XXXXXX', DIR => -w '/dev/shm' ? '/dev/shm' : '/tmp', CLEANUP => 1);
delete $ENV{XDG_CONFIG_HOME};
$ENV{HOME} = $tmp; # no profiles of the tester's
umask 022;
my $PROGRAM = programs();

# The sanitized programs, the shipped profiles beside their folder.
sub programs
{
	make_path("$tmp/bin", "$tmp/profiles");
	for my $name ('quietbench', 'quietbench-planner') {
		my $from = "$BUILD/san/$name";
		-x $from or plan skip_all => "needs `make BUILD=build/san SANITIZE=1 all`: $from";
		copy($from, "$tmp/bin/$name") && chmod 0755, "$tmp/bin/$name" or BAIL_OUT("$tmp/bin/$name: $!");
	}
	copy($_, "$tmp/profiles") or BAIL_OUT("$_: $!") for glob "$SOURCE/profiles/*.yaml";
	return "$tmp/bin/quietbench";
}

# ---- traits ----

my @HYBRID = (cores => '3x2:P 4x1:E', clock => 'P:400/2100/5000 E:400/1500/3900', cpufreq => 'intel-hwp');
my @ARM = (arch => 'arm64', cpufreq => 'arm', vendor => 'arm');

# Each trait alone, on a small machine.
my @TRAITS = (
	['nothing odd'],
	['no L3', caches => '1 2'],
	['L2 is the last level, shared by two', caches => '1 2', cores => '6x1', cluster => 'any:2'],
	['no caches', caches => ''],
	['no cpufreq', cpufreq => ''],
	['cpufreq of each CPU', cpufreq => 'acpi', layout => 'cpus'],
	['one core', cores => '1x2'],
	['one CPU', cores => '1x1'],
	['boot CPU offline', offline => '0'],
	['boot core offline', cores => '4x2', order => 'adjacent', offline => '0-1'],
	['holes', packages => 2, possible => 20, absent => '2-3', offline => '9'],
	['memory without CPUs', 'memory-nodes' => '1 2'],
	['nodes without memory', packages => 2, 'bare-nodes' => '1'],
	['nodes with holes', packages => 2, 'node-ids' => '3 250'],
	['SMT-4', cores => '4x4'],
	['SMT-2, some siblings offline', offline => '5,7'],
	['P and E cores', @HYBRID],
	['three kinds', @ARM, cores => '4x1:little 3x1:mid 1x1:big', cluster => 'little:4 mid:3 big:1',
		capacity => 'little:280 mid:855 big:1024', clock => 'little:307/2016/2016 mid:499/2803/2803 big:595/3187/3187'],
	['kinds by design alone', @ARM, cores => '2x1:A710 2x1:A715 2x1:X3', part => 'A710:0xd47 A715:0xd4d X3:0xd4e',
		capacity => 'A710:800 A715:800 X3:1024', clock => 'any:500/2800/2800'],
	['kinds by base clock alone', cores => '4x2:high 4x2:low', clock => 'any:800/2100/3900', base => 'high:2700 low:2100'],
	['1,024 CPUs', packages => 4, l3 => 16, cores => '8x2'],
	['isolated at boot', isolated => '2-3,6-7'],
	['all but the boot core isolated at boot', isolated => '1-3,5-7'],
	['one sibling isolated at boot', isolated => '3'],
	['isolated at boot, as its parameters tell', isolated => '2-3,6-7', lists => 'no'],
	['nohz_full (null)', 'nohz-null' => 'yes'],
	['clocks from below', @ARM, cores => '4x1', clock => 'any:400/2000/2000', steps => 'up'],
	['clocks from above', @ARM, cores => '4x1', clock => 'any:400/2000/2000', steps => 'down'],
	['clocks in no order', @ARM, cores => '4x1', clock => 'any:400/2000/2000', steps => 'mixed'],
	['clocks in no order, and boost', @ARM, cores => '4x1', clock => 'any:400/2000/2000', steps => 'mixed', boost => 2400],
	['IRQ masks as lists alone', 'irq-form' => 'list', irqs => 40],
	['IRQ masks in hex alone', 'irq-form' => 'mask', irqs => 40],
	['IRQ masks wider than the machine', possible => 70, irqs => 40],
	['blanks behind lists', tail => 'blank', packages => 2],
	['NULs behind lists', tail => 'nul', packages => 2],
	['no lists', lists => 'no'],
	['siblings of family 15h', modules => 'yes', vendor => 'amd', order => 'adjacent', cores => '4x2'],
	['cpuset v2 of 6 in 32', packages => 4, cores => '8x1', cpuset => 'v2:0-5:0'],
	['cpuset v2 and its node', packages => 4, cores => '4x2', cpuset => 'v2:0-11:1-2'],
	['cpuset v1', packages => 2, cores => '4x2', cpuset => 'v1:4-7,12-15:0-1'],
	['a guest', guest => 'kvm', cores => '4x1'],
	['no topology', topology => 'no', cores => '4x1'],
);
my %ORDINARY = (cores => '4x2', order => 'apart', cpufreq => 'intel-hwp', clock => 'any:800/3000/4900', irqs => 24);

# What is asked of every host.
my @ASKED = ([], ['-n', 2], ['-n', 3], ['-n', 'max'], ['-n', 'all'], ['-n', 2, '-s', 'cpus.smt=share'],
	['-n', 'max', '-s', 'cpus.kind=any'], ['-n', 2, '-s', 'cpus.kind=efficiency']);

my $seed = 20240607;
sub random { my ($n) = @_; $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $n }
sub pick { return $_[random(scalar @_)] }

# A machine of several traits. What belongs together is drawn together.
sub random_stanza
{
	my %h = (%ORDINARY, packages => pick(1, 1, 2), l3 => pick(1, 1, 2), order => pick(qw(adjacent apart round-robin)),
		irqs => pick(0, 0, 20), caches => pick('1 2 3', '1 2 3', '1 2', '1', ''), kernel => pick('6.1', '6.12'));
	my $kind = random(6);
	my $n = 1 + random(3);
	$h{cores} = "${n}x" . pick(1, 2, 2, 4);
	%h = (%h, @HYBRID, order => 'adjacent') if $kind == 0;
	%h = (%h, @ARM, cores => "${n}x1:little 2x1:mid 1x1:big", capacity => 'little:280 mid:855 big:1024',
		cluster => "little:$n mid:2 big:1",
		clock => 'little:307/2016/2016 mid:499/2803/2803 big:595/3187/3187', steps => pick('', qw(up down mixed))) if $kind == 1;
	%h = (%h, cores => "${n}x2:high 2x2:low", clock => 'any:800/2100/3900', base => 'high:2700 low:2100') if $kind == 2;
	%h = (%h, vendor => 'amd', cpufreq => pick('acpi', 'amd-epp'), clock => 'any:1500/2300/2300',
		modules => $h{cores} =~ /x2$/ ? pick('yes', 'no') : 'no') if $kind == 3;
	$h{cluster} = 'any:2' if $kind == 4;
	$h{cpufreq} = '' if random(6) == 0 && !$h{base};
	$h{layout} = 'cpus' if $h{cpufreq} eq 'acpi' && random(2);
	$h{tail} = pick('', '', 'blank', 'nul');
	$h{lists} = 'no' if random(8) == 0;
	$h{'irq-form'} = pick(qw(both both list mask));
	$h{'nohz-null'} = pick(qw(no yes));
	my $cpus = () = map { @{ $_->{cpus} } } Machine::build('probe', {%h});
	$h{possible} = $cpus + random(40) if random(3) == 0;
	my $some = sub { return cpulist(grep { random($_[0]) == 0 } $_[1] .. $cpus - 1) };
	$h{offline} = $some->(5, 0) if random(3) == 0 && $h{lists} ne 'no';
	$h{absent} = $some->(6, 1) if random(5) == 0;
	$h{isolated} = $some->(2, 1) if random(3) == 0;
	$h{'memory-nodes'} = $h{packages} + random(3) if random(5) == 0;
	$h{'bare-nodes'} = $h{packages} - 1 if random(6) == 0;
	my %gone = map { $_ => 1 } parse_list($h{offline} // ''), parse_list($h{absent} // '');
	my @left = grep { !$gone{$_} } 0 .. $cpus - 1;
	@h{qw(offline absent)} = ('', '') if !@left;
	my $granted = $some->(2, 0);
	$h{cpuset} = pick('v1', 'v2') . ":$granted:0-" . ($h{packages} - 1)
		if random(3) == 0 && grep { !$gone{$_} } parse_list($granted);
	return \%h;
}

# ---- hosts, and asking ----

sub make_host
{
	my ($dir, $stanza) = @_;
	my $m = Machine::build('matrix', $stanza);
	my $tree = Tree->new($dir);
	remove_tree($dir);
	mkdir $dir or BAIL_OUT("$dir: $!");
	Cpus::write_cpus($tree, $m);
	Cpufreq::write_cpufreq($tree, $m);
	Irqs::write_irqs($tree, $m);
	Kernel::write_kernel($tree, $m);
	return $m;
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:raw', $file or return '';
	local $/;
	return scalar(<$in>) // '';
}

# Runs a command; returns its status as a shell has it, and what it said on both channels.
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
	return ($? & 127 ? 128 + ($? & 127) : $? >> 8, slurp("$tmp/out"), slurp("$tmp/err"));
}

# What tells of the machine that runs this test.
my ($live_model) = slurp('/proc/cpuinfo') =~ /^model name\s*: (.*)$/m;
my @LIVE = grep { defined && length > 5 } $live_model, map { s/\n//r } slurp('/proc/sys/kernel/hostname'),
	slurp('/proc/sys/kernel/osrelease');

# An answer in JSON, or undef and why not.
sub ask
{
	my ($verb, $dir, @asked) = @_;
	my ($status, $out, $err) = run($PROGRAM, $verb, '--json', '--root', $dir, @asked);
	return (undef, "status $status: $err") if $status != 0 && $status != 2;
	return (undef, "a crash: $err") if $err =~ /Sanitizer|runtime error|died|ended with status|signal/;
	return (undef, "tells of this machine: $_") for grep { index($out . $err, $_) >= 0 } @LIVE;
	return (undef, $err =~ /\Aquietbench: .+\n\z/ ? "refused: $err" : "more than one line: $err") if $status == 2;
	my $answer = eval { JSON::PP->new->utf8->decode($out) } or return (undef, "no JSON: $@");
	return ($answer, '');
}

# ---- what must hold ----

sub set { return map { $_ => 1 } @_ }
sub of { my ($list) = @_; return parse_list($list // '') }

# The asked-for count and ways out of the command's arguments.
sub read_asked
{
	my (@asked) = @_;
	my %asked = (count => 1, smt => 'idle', kind => 'performance', within => 'l3');
	while (my $option = shift @asked) {
		my $value = shift @asked;
		$asked{count} = $value if $option eq '-n';
		$asked{$1} = $2 if $option eq '-s' && $value =~ /^cpus\.(\w+)=(\w+)$/;
	}
	return \%asked;
}

# The model as the choice sees it.
sub facts
{
	my ($m) = @_;
	my %online = map { $_->{number} => $_ } @{ $m->{online} };
	my %allowed = set(keys %online);
	if ($m->{cpuset}) {
		my (undef, $cpus, $nodes) = split /:/, $m->{cpuset};
		my %granted = set(parse_list($cpus));
		my %near = set(parse_list($nodes));
		delete @allowed{ grep { !$granted{$_} } keys %allowed };
		my @far = grep { !$near{ $online{$_}{node} } } keys %allowed;
		delete @allowed{@far} if @far < keys %allowed;
	}
	my ($boot) = sort { $a <=> $b } keys %online;
	return { online => \%online, allowed => \%allowed, isolated => { set(@{ $m->{isolated_list} }) }, boot => $boot,
		boot_core => $online{$boot}{core}{number} };
}

# The table of CPUs is the model's: the same CPUs, cores, nodes, last-level caches and kinds.
sub check_pus
{
	my ($m, $f, $pus) = @_;
	my %seen = map { $_->{cpu} => $_ } @$pus;
	return 'other CPUs than are online' if join(' ', sort keys %seen) ne join(' ', sort keys %{ $f->{online} });
	my ($level) = reverse sort $m->{caches} =~ /[23]/g;
	my %ways = (core => sub { $_[0]{core}{number} }, kind => sub { $_[0]{kind} });
	$ways{node} = sub { $_[0]{node} };
	$ways{"l$level"} = sub { $_[0]{core}{ $level == 3 ? 'l3' : 'cluster' } } if $level;
	for my $what (sort keys %ways) {
		my (%of_ours, %of_theirs);
		for my $cpu (keys %seen) {
			my ($ours, $theirs) = ($ways{$what}->($f->{online}{$cpu}), $seen{$cpu}{$what} // 'none');
			return "$what of CPU $cpu: $theirs" if ($of_ours{$ours} //= $theirs) ne $theirs
				|| ($of_theirs{$theirs} //= $ours) ne $ours;
		}
	}
	return '';
}

# Every online CPU does one thing; whose doing is whose.
sub check_roles
{
	my ($f, $asked, $chosen) = @_;
	my %role;
	for my $role (qw(benchmark reserved offline)) {
		for my $cpu (of($chosen->{$role})) {
			return "CPU $cpu is $role, and not online" unless $f->{online}{$cpu};
			return "CPU $cpu is $role and $role{$cpu}" if $role{$cpu};
			return "CPU $cpu is $role, and not allowed" unless $f->{allowed}{$cpu};
			$role{$cpu} = $role;
		}
	}
	return 'no CPU for the benchmark' unless of($chosen->{benchmark});
	my @house = of($chosen->{housekeeping});
	return 'nobody does the housekeeping' unless @house;
	my %cores = map { $f->{online}{$_}{core}{number} => 1 } of($chosen->{benchmark});
	my $every_core = !grep { !$cores{ $_->{core}{number} } } values %{ $f->{online} };
	if (@house == keys %{ $f->{online} } && ($asked->{count} eq 'all' || @house == 1)) {
		return $every_core ? '' : 'some cores do not run the benchmark, and still it is said to have all';
	}
	for my $cpu (@house) {
		return "CPU $cpu does the housekeeping and is $role{$cpu}" if $role{$cpu};
		return "CPU $cpu does the housekeeping, and is not online" unless $f->{online}{$cpu};
		$role{$cpu} = 'housekeeping';
	}
	for my $cpu (of($chosen->{isolated})) {
		return "CPU $cpu is left as it is isolated, and is $role{$cpu}" if $role{$cpu};
		return "CPU $cpu is left as it is isolated, and is not" unless $f->{online}{$cpu} && $f->{isolated}{$cpu};
		$role{$cpu} = 'isolated';
	}
	return 'CPUs that are isolated at boot do the housekeeping' if grep({ $f->{isolated}{$_} } @house)
		&& grep { !$role{$_} || $role{$_} eq 'housekeeping' } grep { !$f->{isolated}{$_} } keys %{ $f->{online} };
	my ($idle) = grep { !$role{$_} } keys %{ $f->{online} };
	return defined $idle ? "CPU $idle does nothing" : '';
}

# The choice itself.
sub check_choice
{
	my ($m, $f, $asked, $chosen) = @_;
	my @bench = of($chosen->{benchmark});
	my %bench = set(@bench);
	my $note = $chosen->{note} // '';
	my %kinds = map { $f->{online}{$_}{kind} => 1 } @bench;
	return 'kinds are mixed, and nobody says so' if keys %kinds > 1 && $note !~ /mixed/;
	if ($asked->{count} ne 'all' && $asked->{count} ne '1') {
		return 'several CPUs that are isolated at boot' if @bench > 1 && grep { $f->{isolated}{$_} } @bench;
	}
	return '' if $asked->{count} eq 'all';
	for my $cpu (grep { $f->{online}{$_}{core}{number} == $f->{boot_core} } @bench) {
		my @others = grep { $f->{allowed}{$_} && $kinds{ $f->{online}{$_}{kind} } && $f->{online}{$_}{core}{number} != $f->{boot_core}
			&& ($asked->{count} eq '1' || !$f->{isolated}{$_}) && !$bench{$_} } keys %{ $f->{online} };
		return "CPU $cpu is of the boot CPU's core, and there is $others[0]" if @others;
	}
	return '' if $asked->{smt} eq 'share';
	my %house = set(of($chosen->{housekeeping}));
	for my $cpu (@bench) {
		for my $sibling (grep { $_ != $cpu } @{ $f->{online}{$cpu}{in}{core}{cpus} }) {
			return "CPU $sibling is a sibling of $cpu and does the housekeeping"
				if $house{$sibling} && $note !~ /sibling/;
		}
	}
	return '';
}

# Several share the last level of cache; that there are not so many which do is said only where it is so.
sub check_closeness
{
	my ($m, $f, $asked, $chosen) = @_;
	my @bench = of($chosen->{benchmark});
	my ($level) = reverse sort $m->{caches} =~ /[23]/g;
	my $apart = ($chosen->{note} // '') =~ /there are no \d+ free/;
	return '' if @bench < 2 || $asked->{count} !~ /^\d+$/;
	return $apart ? '' : 'no cache is known, and nobody says so' unless $level;
	my $cache = sub { $_[0]{core}{ $level == 3 ? 'l3' : 'cluster' } };
	my %caches = map { $cache->($f->{online}{$_}) => 1 } @bench;
	return keys %caches == 1 ? '' : "spread over several L$level" if !$apart;
	my %kinds = map { $f->{online}{$_}{kind} => 1 } @bench;
	return '' if keys %kinds > 1 || $asked->{smt} eq 'share';
	my %cores;
	for my $cpu (map { $f->{online}{$_} } grep { !$f->{isolated}{$_} } keys %{ $f->{allowed} }) {
		$cores{ $cache->($cpu) }{ $cpu->{core}{number} } = 1
			if $kinds{ $cpu->{kind} } && $cpu->{core}{number} != $f->{boot_core};
	}
	my ($enough) = grep { keys %{ $cores{$_} } >= $asked->{count} } sort keys %cores;
	return defined $enough ? "spread over several L$level, and one has enough" : '';
}

# May it be refused? Only what is too much, or of what there is nothing.
sub check_refusal
{
	my ($m, $f, $asked, $why) = @_;
	return '' if $m->{topology} eq 'no' && $why =~ /topology/;
	return $why unless $why =~ /^refused: /;
	return $why if $asked->{count} eq '1' || $asked->{count} !~ /^\d+$/;
	my %cores = map { $f->{online}{$_}{core}{number} => 1 } grep { !$f->{isolated}{$_} } keys %{ $f->{allowed} };
	my $kinds = () = keys %{ { map { $_->{kind} => 1 } values %{ $f->{online} } } };
	delete $cores{ $f->{boot_core} };
	return keys %cores >= $asked->{count} && $kinds == 1 && $asked->{smt} ne 'share' ? $why : '';
}

# Interrupts leave the benchmark's CPUs, and those that can are all planned; the clock is each CPU's own base.
sub check_steps
{
	my ($m, $f, $plan) = @_;
	my %quiet = set(map { of($plan->{selection}{$_}) } qw(benchmark reserved offline));
	my %house = set(of($plan->{selection}{housekeeping}));
	return '' if grep { $quiet{$_} } keys %house;
	my %moved = map { $_->{unit} => $_ } grep { $_->{lever} eq 'irqs.move' } @{ $plan->{steps} };
	for my $irq (grep { $_->{name} ne '' && !$_->{own} } @{ $m->{irq_list} }) {
		my @may = @{ $irq->{managed} // [keys %{ $f->{online} }] };
		next unless grep { $quiet{$_} } @may;
		my $step = $moved{"irq$irq->{number}"} or return "IRQ $irq->{number} is not planned";
		next if $step->{status} ne 'planned';
		my $bits = reverse join '', map { sprintf '%04b', hex } split //, $step->{to} =~ tr/,//dr;
		my @to = grep { substr($bits, $_, 1) eq '1' } 0 .. length($bits) - 1;
		return "IRQ $irq->{number} is moved to CPU $_" for grep { $quiet{$_} } @to;
		return "IRQ $irq->{number} is moved to CPU $_, which is isolated at boot"
			for grep { $f->{isolated}{$_} && !$house{$_} } $irq->{managed} ? () : @to;
	}
	for my $step (grep { $_->{lever} eq 'frequency.range' && defined $_->{to} } @{ $plan->{steps} }) {
		my ($policy) = $step->{unit} =~ /policy(\d+)/ or next;
		my $base = $m->{cpufreq} eq 'arm' || $m->{cpufreq} eq 'acpi' ? $f->{online}{$policy}{max} : $f->{online}{$policy}{base};
		return "the base clock of policy$policy is $base, not $step->{to}" if $step->{to} != $base;
	}
	return '';
}

# One host, asked in these ways; the reasons why something does not hold.
sub judge
{
	my ($m, $dir, @ways) = @_;
	my $f = facts($m);
	my @wrong;
	for my $way (@ways) {
		my $asked = read_asked(@$way);
		my ($topology, $why) = ask('topology', $dir, @$way);
		if (!$topology) {
			$why = check_refusal($m, $f, $asked, $why);
		} else {
			my $chosen = $topology->{selection};
			$why = check_pus($m, $f, $topology->{pus}) || check_roles($f, $asked, $chosen)
				|| check_choice($m, $f, $asked, $chosen) || check_closeness($m, $f, $asked, $chosen);
			$why .= ": benchmark $chosen->{benchmark}, reserved $chosen->{reserved}, housekeeping $chosen->{housekeeping}; "
				. "$chosen->{why}; " . ($chosen->{note} // '') if $why;
		}
		push @wrong, "topology @$way: $why" if $why;
	}
	return @wrong if $m->{topology} eq 'no';
	my ($plan, $why) = ask('plan', $dir);
	$why = check_steps($m, $f, $plan) if $plan;
	push @wrong, "plan: $why" if $why;
	my $doctor;
	($doctor, $why) = ask('doctor', $dir);
	push @wrong, "doctor: $why" if $why;
	return @wrong;
}

sub try_host
{
	my ($name, $stanza, @ways) = @_;
	my @wrong = judge(make_host("$tmp/host", $stanza), "$tmp/host", @ways);
	ok(!@wrong, $name) or diag(join "\n", @wrong, join ' ', map { "$_='$stanza->{$_}'" } sort keys %$stanza);
	return;
}

# ---- the matrix ----

for my $trait (@TRAITS) {
	my ($name, %odd) = @$trait;
	try_host($name, { %ORDINARY, %odd }, $name =~ /1,024/ ? @ASKED[0, 1, 3] : @ASKED);
}
for my $i (1 .. $RANDOM_HOSTS) {
	try_host("combination $i", random_stanza(), $ASKED[0], $ASKED[1 + random($#ASKED)]);
}

# The same host is told alike wherever it is looked at.
sub test_nothing_of_the_live_host
{
	my %live = (small => { %ORDINARY, cores => '2x2' }, guest => { %ORDINARY, cores => '3x1', guest => 'kvm', cpufreq => '' });
	make_host("$tmp/$_", $live{$_}) for keys %live;
	SKIP: {
		skip 'no namespaces here', 1 if (run($WITH_HOST, "$tmp/small", 'true'))[0] != 0;
		for my $trait (@TRAITS[0, 4, 16, 21, 29, 36]) {
			my ($name, %odd) = @$trait;
			make_host("$tmp/host", { %ORDINARY, %odd });
			for my $verb (qw(topology plan doctor)) {
				my ($here) = join '|', run($PROGRAM, $verb, '--json', '--root', "$tmp/host");
				for my $live (sort keys %live) {
					my $there = join '|', run($WITH_HOST, "$tmp/$live", $PROGRAM, $verb, '--json', '--root', "$tmp/host");
					is $there, $here, "$name: $verb on another machine ($live)";
				}
			}
		}
	}
	return;
}

# A list tells as much as a mask does.
sub test_irq_forms
{
	my %plans;
	for my $form (qw(both mask list)) {
		make_host("$tmp/host", { %ORDINARY, irqs => 40, 'irq-form' => $form });
		my ($plan) = ask('plan', "$tmp/host");
		$plans{$form} = [ grep { $_->{lever} eq 'irqs.move' } @{ $plan->{steps} } ];
	}
	cmp_ok scalar @{ $plans{both} }, '>', 10, 'interrupts are planned';
	is_deeply $plans{$_}, $plans{both}, "$_: the same ones" for qw(mask list);
	return;
}

test_nothing_of_the_live_host();
test_irq_forms();
done_testing;
