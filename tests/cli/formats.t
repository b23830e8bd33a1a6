#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Do those for whom check writes understand it? GitHub's annotations go through the rules of the runner's parser and of
# @actions/core's writer, both rebuilt here in a few lines: a test that needed npm would be longer in getting ready than
# in running. Metrics go through the parser of Prometheus' own Python client. What is read are the
# samples of tests/unit/cli/outputs.c.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

my $BUILD = $ENV{QB_BUILD} // "$FindBin::RealBin/../../build";
my $dir = tempdir(CLEANUP => 1);

sub slurp { my ($file) = @_; open my $in, '<', $file or die "$file: $!\n"; local $/; return <$in> // '' }
sub load { return JSON::PP->new->decode(slurp(@_)) }
is(system("$BUILD/san/tests/unit/cli/outputs", $dir), 0, 'samples are written');

# ---- GitHub ----

my %REGISTERED = map { $_ => 1 } qw(error warning notice debug group endgroup add-mask add-matcher remove-matcher
	echo set-env set-output save-state add-path);
my @DATA = (['%0D', "\r"], ['%0A', "\n"], ['%25', '%']);
my @PROPERTY = (['%0D', "\r"], ['%0A', "\n"], ['%3A', ':'], ['%2C', ','], ['%25', '%']);

sub replaced
{
	my ($text, @pairs) = @_;
	$text =~ s/\Q$_->[0]\E/$_->[1]/g for @pairs;
	return $text;
}

# The runner's (actions/runner, ActionCommand.TryParseV2). undef: an ordinary line.
sub understood
{
	my ($line) = @_;
	$line =~ s/^\s+//;
	return unless index($line, '::') == 0;
	my $end = index($line, '::', 2);
	return if $end < 0;
	my $info = substr($line, 2, $end - 2);
	my ($name, $rest) = split / /, $info, 2;
	return unless $REGISTERED{$name // ''};
	my %properties;
	($rest //= '') =~ s/^\s+|\s+$//g;
	for (grep { length } split /,/, $rest) {
		my ($key, $value) = split /=/, $_, 2;
		$properties{$key} = replaced($value, @PROPERTY) if length($key) && length($value // '');
	}
	return { command => $name, properties => \%properties, data => replaced(substr($line, $end + 2), @DATA) };
}

# The writer's (actions/toolkit, issueCommand): % goes first, or it would be escaped twice.
sub issued
{
	my ($it) = @_;
	my @data = map { [reverse @$_] } reverse @DATA;
	my @property = map { [reverse @$_] } reverse @PROPERTY;
	my $properties = join ',', map { "$_=" . replaced($it->{properties}{$_}, @property) } sort keys %{ $it->{properties} };
	return "::$it->{command} $properties\::" . replaced($it->{data}, @data);
}

my $loud = load("$dir/loud.json");
my @lines = split /\n/, slurp("$dir/loud.github");
my @found = map { understood($_) } @lines;
is(scalar @lines, 6, 'a line for each rule that does not hold, however odd a name is');
is(scalar @found, scalar @lines, 'the runner takes each for a command');
is_deeply([map { "$_->{command} $_->{properties}{title}" } @found], [
	'error quietbench: noisy: throttled', 'error quietbench: noisy: quota', 'error quietbench: noisy: preempted',
	'warning quietbench: undecided: gaps', 'error quietbench: noisy: speed', 'warning quietbench: longest',
], 'with these titles');
my $odd = $loud->{of}[0]{causes}[0];
is($found[2]{data}, "preempted 2.08 % (limit 0.05 %): $odd->{name} on CPU 1: $odd->{advice}",
	'and reads the name and the advice as they are');
is(issued($found[$_]), $lines[$_], "line $_ is what \@actions/core would write") for 0 .. $#lines;
my @calm = map { understood($_) } split /\n/, slurp("$dir/quiet.github");
is_deeply(\@calm, [{ command => 'notice', properties => { title => 'quietbench: quiet' }, data => 'quiet: CPU 1, 12.0 s' }],
	'quiet: a notice');

# ---- Prometheus ----

my $PARSE = <<'END';
import json, sys
from prometheus_client.parser import text_string_to_metric_families
try:
    families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
except ValueError:
    sys.exit(1)
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value, s.timestamp] for s in f.samples]]
                  for f in families]))
END

# Debian's own python3, whose packages the Makefile installs. undef: it is refused.
sub parsed
{
	my ($file) = @_;
	open my $out, '-|', '/usr/bin/python3', '-c', $PARSE, $file or die "python3: $!\n";
	local $/;
	my $text = <$out>;
	close $out;
	return $? == 0 ? JSON::PP->new->decode($text) : undef;
}

for my $name (qw(loud quiet)) {
	my $text = slurp("$dir/$name.prom");
	my $families = parsed("$dir/$name.prom") or BAIL_OUT('install python3-prometheus-client');
	my (%families, %series);
	cmp_ok(scalar @$families, '>', 5, "$name: families are found");
	like($text, qr/\n\z/, "$name: the last line is whole, too");
	for (@$families) {
		my ($family, $type, $help, $samples) = @$_;
		$families{$family}++;
		ok($family =~ /^quietbench_check_[a-z_]+$/ && $type eq 'gauge' && $help =~ /\.$/, "$name: $family is described");
		for (@$samples) {
			my ($sample, $labels, $value, $time) = @$_;
			$series{join ' ', $sample, map { "$_=$labels->{$_}" } sort keys %$labels}++;
			ok($sample eq $family && !defined $time, "$sample belongs to $family and has no time of its own");
		}
	}
	is_deeply([grep { $families{$_} > 1 } keys %families], [], "$name: a family comes once");
	is_deeply([grep { $series{$_} > 1 } keys %series], [], "$name: a series comes once");
	my @lines = grep { !/^#/ } split /\n/, $text;
	is(scalar @lines, scalar keys %series, "$name: every line is a sample");
}
my %by = map { $_->[0] => $_->[3] } @{ parsed("$dir/loud.prom") };
is($by{quietbench_check_cause_ratio}[0][1]{name}, $odd->{name} =~ s/ \(pid 812\)$//r, 'a name is read as it is, less its process id');
cmp_ok(abs($by{quietbench_check_cause_ratio}[0][2] - $odd->{share}), '<', 1e-9, 'with its share');
is(join(' ', map { "$_->[1]{verdict}=$_->[2]" } @{ $by{quietbench_check_verdict} }), 'undecided=0 quiet=0 noisy=1', 'the verdict is a state');

# The judge judges.
for my $broken ('a{b="c} 1', 'a{b="c"} one', 'a{b="c"}') {
	open my $out, '>', "$dir/broken.prom" or die "$!\n";
	print $out "$broken\n";
	close $out;
	ok(!parsed("$dir/broken.prom"), "refused: $broken");
}
done_testing();
