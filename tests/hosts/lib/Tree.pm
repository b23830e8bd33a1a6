# SPDX-License-Identifier: GPL-2.0-or-later
# Writes a tree of sysfs and procfs look-alikes: files with the kernel's modes, folders as needed,
# and CPU sets in the kernel's two notations.
package Tree;
use strict;
use warnings;
use Exporter 'import';
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);

our @EXPORT = qw(cpulist cpumask parse_list);

sub new
{
	my ($class, $root) = @_;
	return bless { root => $root, made => {} }, $class;
}

sub folder
{
	my ($self, $path) = @_;
	return if $self->{made}{$path}++;
	my $slash = rindex $path, "/";
	$self->folder(substr $path, 0, $slash) if $slash > 0;
	mkdir "$self->{root}/$path" or die "create folder $self->{root}/$path: $!\n";
	return;
}

sub _parent
{
	my ($self, $path) = @_;
	$self->folder(substr $path, 0, rindex($path, '/'));
	return "$self->{root}/$path";
}

# Exactly $text: nothing is added.
sub exact
{
	my ($self, $path, $text, $mode) = @_;
	my $file = $self->_parent($path);
	sysopen my $out, $file, O_CREAT | O_EXCL | O_WRONLY, $mode or die "create $file: $!\n";
	defined(my $written = syswrite $out, $text) or die "write $file: $!\n";
	$written == length $text or die "write $file: only $written bytes went in\n";
	close $out or die "close $file: $!\n";
	return;
}

# What the kernel shows and takes.
sub rw { my ($self, $path, $value) = @_; return $self->exact($path, "$value\n", 0644) }

# What it only shows.
sub ro { my ($self, $path, $value) = @_; return $self->exact($path, "$value\n", 0444) }

# A list of CPUs or nodes, followed by what some captures have behind it.
sub list
{
	my ($self, $path, $value, $tail) = @_;
	return $self->exact($path, $value . { '' => "\n", blank => " \n", nul => "\n\0" }->{$tail}, 0444);
}

# What reads as nothing at all, not even a newline.
sub empty { my ($self, $path) = @_; return $self->exact($path, '', 0444) }

sub link_to
{
	my ($self, $path, $target) = @_;
	my $file = $self->_parent($path);
	symlink $target, $file or die "link $file: $!\n";
	return;
}

# "0-3,8", of numbers in ascending order.
sub cpulist
{
	my (@runs);
	for my $cpu (@_) {
		if (@runs && $runs[-1][1] == $cpu - 1) {
			$runs[-1][1] = $cpu;
		} else {
			push @runs, [$cpu, $cpu];
		}
	}
	return join ',', map { $_->[0] == $_->[1] ? $_->[0] : "$_->[0]-$_->[1]" } @runs;
}

# "000000ff,ffff0000": groups of 32 bits, as many digits as $width bits need.
sub cpumask
{
	my ($width, @cpus) = @_;
	my @words = (0) x int(($width + 31) / 32);
	$words[$_ >> 5] |= 1 << ($_ & 31) for @cpus;
	my $top = sprintf '%0*x', int((($width - 1) % 32 + 4) / 4), pop @words;
	return join ',', $top, map { sprintf '%08x', $_ } reverse @words;
}

sub parse_list
{
	my ($text) = @_;
	return map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split /[,\s]+/, $text;
}

1;
