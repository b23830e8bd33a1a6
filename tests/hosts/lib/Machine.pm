# SPDX-License-Identifier: GPL-2.0-or-later
# Turns a stanza of hosts.conf, or scale:CPUS,IRQS, into a model: CPUs with their place in the
# machine, and the groups of CPUs that share something.
package Machine;
use strict;
use warnings;
use Tree;

# Every key of a stanza, and its value where the stanza does not say.
my %KEYS = (
	about => '',
	arch => 'x86_64',         # or arm64
	vendor => 'intel',        # or amd
	kernel => '6.1',          # or 6.12: which attributes exist
	packages => 1,            # each of them a NUMA node
	l3 => 1,                  # L3 caches per package
	cores => undef,           # COUNTxTHREADS[:KIND]..., per L3
	cluster => '',            # KIND:CORES...: so many cores share an L2; else each has its own
	order => 'adjacent',      # CPU numbers: siblings adjacent, apart, or dealt round-robin over packages
	possible => 0,            # how many CPUs the firmware promises; at least those there are
	absent => '',             # CPU numbers that do not exist
	offline => '',            # CPUs that are switched off
	smt => '',                # smt/control; else on, notsupported or notimplemented, as it is
	topology => 'yes',        # no: no topology, cache or node folders
	'node-ids' => '',         # numbers of the packages' nodes; else 0, 1...
	'memory-nodes' => '',     # nodes with memory and no CPU
	capacity => '',           # KIND:CPU_CAPACITY...
	cpufreq => '',            # a driver of lib/Cpufreq.pm
	clock => '',              # KIND:MIN/BASE/MAX in MHz...
	uncore => '',             # die or clusters: who has a clock of its own beside the cores
	favoured => '',           # CPUs whose maximum is 200 MHz higher
	base => '',               # KIND:BASE in MHz, instead of the one in `clock`
	steps => '',              # scaling_available_frequencies: down, up, mixed; else as its driver has them
	boost => '',              # MHz of the one state in a list of boost frequencies (driver arm)
	layout => 'policies',     # or cpus: cpuN/cpufreq are folders of their own, as before Linux 4.3
	part => '',               # KIND:CPU_PART..., of arm cores; else by the kind's name
	caches => '1 2 3',        # levels there are
	modules => 'no',          # yes: AMD's family 15h, whose siblings have core_ids of their own
	lists => 'yes',           # no: neither online, possible, present nor isolated
	tail => '',               # what follows the newline of lists of CPUs and nodes: blank or nul
	'bare-nodes' => '',       # nodes of packages without memory of their own
	cpuset => '',             # v1 or v2:CPUS:NODES, of whoever captured the host
	'irq-form' => 'both',     # mask or list: the only form that was captured
	isolated => '',           # isolcpus and nohz_full
	'nohz-null' => 'no',      # yes: nohz_full reads "(null)", as some kernels print an empty list
	guest => '',              # kvm
	irqs => 0,                # folders in /proc/irq
);

sub read_table
{
	my ($file) = @_;
	my (%table, $name);
	open my $in, '<', $file or die "open $file: $!\n";
	while (my $line = <$in>) {
		next if $line =~ /^\s*(#|$)/;
		if ($line =~ /^\[([\w-]+)\]$/) {
			$name = $1;
			die "$file:$.: host $name is there twice\n" if $table{$name};
			$table{$name} = {};
		} elsif ($line =~ /^([\w-]+)\s*=\s*(.*?)\s*$/ && defined $name) {
			die "$file:$.: no such key: $1\n" unless exists $KEYS{$1};
			$table{$name}{$1} = $2;
		} else {
			die "$file:$.: neither [NAME] nor KEY = VALUE\n";
		}
	}
	close $in or die "close $file: $!\n";
	return \%table;
}

# A server of any size: pairs of siblings where the number is even, eight cores to an L3 where
# that divides, two packages from 64 cores on.
sub scale_stanza
{
	my ($cpus, $irqs) = @_;
	die "scale: CPUs from 1 to 8192, not $cpus\n" if $cpus < 1 || $cpus > 8192;
	my $threads = $cpus > 2 && $cpus % 2 == 0 ? 2 : 1;
	my $cores = $cpus / $threads;
	my $packages = $cores >= 64 && $cores % 2 == 0 ? 2 : 1;
	my $per_package = $cores / $packages;
	my $l3 = $per_package % 8 == 0 ? $per_package / 8 : 1;
	return {
		kernel => '6.12', packages => $packages, l3 => $l3, order => 'apart', irqs => $irqs,
		cores => $per_package / $l3 . "x$threads", cpufreq => 'intel-hwp', clock => 'any:800/2400/3800',
		uncore => 'clusters',
	};
}

# "P:4 E:2" as a hash.
sub _by_kind { my ($text) = @_; return map { split /:/, $_, 2 } split ' ', $text }

sub _cores
{
	my ($m) = @_;
	my (@cores, $cluster_count);
	my %cluster_size = _by_kind($m->{cluster});
	my @groups = map { /^(\d+)x(\d+)(?::(\w+))?$/ ? [$1, $2, $3 // 'any'] : die "cores: $_\n" }
	    split ' ', $m->{cores};
	my $per_l3 = 0;
	$per_l3 += $_->[0] for @groups;
	my $stride = 1;
	$stride *= 2 while $stride < $per_l3; # core numbers have holes, as APIC numbers have
	for my $package (0 .. $m->{packages} - 1) {
		for my $l3 (0 .. $m->{l3} - 1) {
			my $index = 0;
			for my $group (@groups) {
				my ($count, $threads, $kind) = @$group;
				my $size = $cluster_size{$kind} // 1;
				for my $i (0 .. $count - 1) {
					$cluster_count++ if $i % $size == 0;
					push @cores, { package => $package, l3 => $package * $m->{l3} + $l3,
						id => $l3 * $stride + $index++, cluster => $cluster_count - 1,
						kind => $kind, threads => $threads, number => scalar @cores };
				}
			}
		}
	}
	return @cores;
}

# The (core, thread) pairs in the order in which the firmware numbers them.
sub _numbered
{
	my ($order, @cores) = @_;
	my @threads = map { my $core = $_; map { [$core, $_] } 0 .. $core->{threads} - 1 } @cores;
	return @threads if $order eq 'adjacent';
	return sort { $a->[1] <=> $b->[1] } @threads if $order eq 'apart';
	return sort { $a->[1] <=> $b->[1] || $a->[0]{id} <=> $b->[0]{id} } @threads if $order eq 'round-robin';
	die "order: $order\n";
}

sub build
{
	my ($name, $stanza) = @_;
	my $m = { %KEYS, %$stanza, name => $name };
	my %absent = map { $_ => 1 } parse_list($m->{absent});
	my %offline = map { $_ => 1 } parse_list($m->{offline});
	my %favoured = map { $_ => 1 } parse_list($m->{favoured});
	my %clock = _by_kind($m->{clock});
	my %capacity = _by_kind($m->{capacity});
	my %base = _by_kind($m->{base});
	my @node_ids = split ' ', $m->{'node-ids'};
	my @numbered = _numbered($m->{order}, _cores($m));

	$m->{width} = @numbered > $m->{possible} ? @numbered : $m->{possible};
	for my $number (grep { !$absent{$_} } 0 .. $#numbered) {
		my ($core, $thread) = @{ $numbered[$number] };
		my ($min, $base, $max) = split m{/}, $clock{ $core->{kind} } // '0/0/0';
		push @{ $m->{cpus} }, {
			number => $number, core => $core, kind => $core->{kind}, online => !$offline{$number},
			node => $node_ids[ $core->{package} ] // $core->{package},
			min => $min * 1000, base => ($base{ $core->{kind} } // $base) * 1000,
			max => ($max + ($favoured{$number} ? 200 : 0)) * 1000,
			capacity => $capacity{ $core->{kind} },
		};
	}
	$m->{online} = [ grep { $_->{online} } @{ $m->{cpus} } ];
	$m->{part_of} = { _by_kind($m->{part}) };
	$m->{memory_nodes} = [ split ' ', $m->{'memory-nodes'} ];
	$m->{isolated_list} = [ parse_list($m->{isolated}) ];
	_group($m);
	return $m;
}

# Groups of online CPUs that share a core, cluster, L3, package or node; each with its set written
# once, because a big machine shows it thousands of times. Offline CPUs belong to none.
sub _group
{
	my ($m) = @_;
	for my $cpu (@{ $m->{online} }) {
		my $core = $cpu->{core};
		my %in = (core => $core->{number}, cluster => $core->{cluster}, l3 => $core->{l3},
			package => $core->{package}, node => $cpu->{node}, kind => $cpu->{kind});
		for my $what (keys %in) {
			my $group = $m->{groups}{$what}{ $in{$what} } //= { id => $in{$what}, cpus => [] };
			push @{ $group->{cpus} }, $cpu->{number};
			$cpu->{in}{$what} = $group;
		}
	}
	for my $group (map { values %$_ } values %{ $m->{groups} }) {
		$group->{list} = cpulist(@{ $group->{cpus} });
		$group->{mask} = cpumask($m->{width}, @{ $group->{cpus} });
	}
	return;
}

1;
