# SPDX-License-Identifier: GPL-2.0-or-later
# Interrupts: /proc/irq, /proc/interrupts, /sys/kernel/irq.
package Irqs;
use strict;
use warnings;
use Tree;

# An IRQ is {number, chip, hwirq, type, name, managed, cpu, own}: name is '' where nobody has asked for
# the line (a folder without a row in /proc/interrupts, and an empty effective mask), managed is
# the list of CPUs that the kernel chose and keeps, cpu is where it arrives; own: every CPU has its own of
# this number (an empty effective mask, too; 'hidden': without a row).

my %REQUESTED = (0 => 'timer', 1 => 'i8042', 8 => 'rtc0', 9 => 'acpi');

sub write_irqs
{
	my ($tree, $m) = @_;
	my @irqs = _list($m);
	$m->{irq_list} = \@irqs;
	my @all = (0 .. $m->{width} - 1);
	my %set = ('' => [cpumask($m->{width}), '']); # by cpulist: a big machine repeats them
	my $sets = sub {
		my $list = cpulist(@_);
		return @{ $set{$list} //= [cpumask($m->{width}, @_), $list] };
	};
	$tree->rw('proc/irq/default_smp_affinity', ($sets->(@all))[0]);
	for my $irq (@irqs) {
		my ($mask, $list) = $sets->(@{ $irq->{managed} // \@all });
		my ($effective_mask, $effective_list) = $sets->($irq->{name} eq '' || $irq->{own} ? () : $irq->{cpu});
		my $dir = "proc/irq/$irq->{number}";
		# A managed mask refuses writes: with EIO on 6.1, by its mode on 6.12.
		my $write = $irq->{managed} && $m->{kernel} eq '6.12' ? 'ro' : 'rw';
		if ($m->{'irq-form'} ne 'list') {
			$tree->$write("$dir/smp_affinity", $mask);
			$tree->ro("$dir/effective_affinity", $effective_mask);
		}
		if ($m->{'irq-form'} ne 'mask') {
			$tree->$write("$dir/smp_affinity_list", $list);
			$tree->ro("$dir/effective_affinity_list", $effective_list);
		}
		$tree->ro("$dir/affinity_hint", $set{''}[0]);
		$tree->ro("$dir/node", $irq->{number} < 24 ? -1 : 0);
		$tree->ro("$dir/spurious", "count 0\nunhandled 0\nlast_unhandled 0 ms");
		$tree->folder("$dir/$irq->{name}") if $irq->{name} ne '';

		$dir = "sys/kernel/irq/$irq->{number}";
		$tree->ro("$dir/actions", $irq->{name});
		$tree->ro("$dir/hwirq", $irq->{hwirq});
		$tree->ro("$dir/name", $irq->{type});
		$tree->ro("$dir/type", $irq->{type} eq 'edge' ? 'edge' : 'level');
		$tree->rw("$dir/wakeup", 'disabled');
	}
	_write_table($tree, $m, @irqs);
	return;
}

sub _list
{
	my ($m) = @_;
	my @irqs;
	if ($m->{arch} eq 'x86_64') {
		push @irqs, { number => $_, chip => $m->{guest} ? 'IO-APIC' : 'IR-IO-APIC', hwirq => $_ || 2,
			type => $_ == 9 ? 'fasteoi' : 'edge', name => $REQUESTED{$_} // '' } for 0 .. 15;
	}
	splice @irqs, $m->{irqs} if @irqs > $m->{irqs};
	push @irqs, _device_irqs($m, $m->{irqs} - @irqs);
	push @irqs, _own_irqs() if $m->{arch} eq 'arm64';
	my @online = map { $_->{number} } @{ $m->{online} };
	$_->{cpu} //= $online[$_->{number} % @online] for @irqs;
	return @irqs;
}

sub _own_irqs
{
	my @irqs = map { { number => $_, hwirq => $_ - 1, type => 'edge', name => 'IPI', own => 'hidden' } } 1 .. 7;
	push @irqs, { number => 11, hwirq => 27, type => 'Level', name => 'arch_timer', own => 'shown' },
		{ number => 14, hwirq => 23, type => 'Level', name => 'arm-pmu', own => 'shown' };
	$_->{chip} = 'GICv3' for @irqs;
	return @irqs;
}

# A disk with a managed queue per CPU as far as they go, and a network card with the rest.
sub _device_irqs
{
	my ($m, $count) = @_;
	my @online = map { $_->{number} } @{ $m->{online} };
	my $queues = $count < 4 ? 0 : int($count / 2) < @online ? int($count / 2) : @online;
	my ($disk, $net) = $m->{guest} ? ('virtio0-req.%d', 'virtio1-input.%d') : $m->{arch} eq 'arm64'
		? ('ufshcd%d', 'dma-chan%d') : ('nvme0q%d', 'enp1s0f0-TxRx-%d');
	my @irqs;
	for my $i (0 .. $count - 1) {
		my $irq = { number => 24 + $i, type => 'edge', name => sprintf $net, $i - $queues };
		if ($m->{arch} eq 'arm64') {
			@$irq{qw(chip hwirq type)} = ('GICv3', 100 + $i, 'Level');
		} elsif ($m->{kernel} eq '6.12') {
			@$irq{qw(chip hwirq)} = ('PCI-MSIX-0000:0' . ($i < $queues ? 1 : 2) . ':00.0', $i);
		} else {
			@$irq{qw(chip hwirq)} = ('PCI-MSI', 524288 + $i);
		}
		if ($i < $queues) {
			$irq->{name} = sprintf $disk, $i + 1;
			$irq->{managed} = [ map { $online[$_] } grep { $_ % $queues == $i } 0 .. $#online ];
			$irq->{cpu} = $irq->{managed}[0];
		}
		push @irqs, $irq;
	}
	return @irqs;
}

# How often an IRQ has come so far.
sub count { my ($irq) = @_; return $irq->{number} % 5 == 0 ? 0 : 1000 + 3 * $irq->{number} }

sub _write_table
{
	my ($tree, $m, @irqs) = @_;
	my @online = map { $_->{number} } @{ $m->{online} };
	my %column;
	@column{@online} = 0 .. $#online;
	my $prec = length($m->{irqs} + 24) > 3 ? length($m->{irqs} + 24) : 3;
	my @lines = join '', ' ' x ($prec + 8), map { sprintf 'CPU%-8d', $_ } @online;
	my $zero = sprintf '%10u ', 0;
	my $trigger = $m->{arch} eq 'arm64' ? ' ' : '-';
	for my $irq (grep { $_->{name} ne '' && ($_->{own} // '') ne 'hidden' } @irqs) {
		my $at = $column{ $irq->{cpu} };
		my $counts = $irq->{own} ? join '', map { sprintf '%10u ', count($irq) } @online
			: $zero x $at . sprintf('%10u ', count($irq)) . $zero x ($#online - $at);
		push @lines, sprintf '%*d: %s%8s %*d%s%-8s  %s', $prec, $irq->{number}, $counts, $irq->{chip}, $prec,
			$irq->{hwirq}, $trigger, $irq->{type}, $irq->{name};
	}
	my @own = $m->{arch} eq 'arm64'
		? (['IPI0', 'Rescheduling interrupts'], ['IPI1', 'Function call interrupts'], ['IPI5', 'IRQ work interrupts'])
		: (['NMI', 'Non-maskable interrupts'], ['LOC', 'Local timer interrupts'],
			['IWI', 'IRQ work interrupts'], ['RES', 'Rescheduling interrupts'],
			['CAL', 'Function call interrupts'], ['TLB', 'TLB shootdowns'],
			['MCP', 'Machine check polls']);
	for my $i (0 .. $#own) {
		my ($key, $text) = @{ $own[$i] };
		push @lines, sprintf '%*s: %s  %s', $prec, $key,
			join('', map { sprintf '%10u ', $i * (5000 + 11 * $_) } @online), $text;
	}
	push @lines, sprintf '%*s: %10u', $prec, $_, 0 for $m->{arch} eq 'arm64' ? ('Err') : ('ERR', 'MIS');
	$tree->ro('proc/interrupts', join "\n", @lines);
	return;
}

1;
