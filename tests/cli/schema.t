#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Do the shipped schemas describe the records and the answers of check that are written, all of them and nothing else?
# They are those of tests/unit/cli/record.c and outputs.c; python3-jsonschema is the judge.
# Alone: one of its runs has CPUs to itself.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

my $SCHEMA = "$FindBin::RealBin/../../contrib/schema/record.schema.json";
my $CHECK = "$FindBin::RealBin/../../contrib/schema/check.schema.json";
my $BUILD = $ENV{QB_BUILD} // "$FindBin::RealBin/../../build";
# Debian's own python3: another one on the PATH would not have its packages.
my @VALIDATE = ('/usr/bin/python3', '-W', 'ignore', '-m', 'jsonschema');
my $dir = tempdir(CLEANUP => 1);

sub slurp { my ($file) = @_; open my $in, '<', $file or die "$file: $!\n"; local $/; return <$in> }
sub load { return JSON::PP->new->decode(slurp(@_)) }

sub save
{
	my ($file, $data) = @_;
	open my $out, '>', $file or die "$file: $!\n";
	print $out JSON::PP->new->encode($data);
	close $out or die "$file: $!\n";
	return $file;
}

sub valid
{
	my ($record, $schema) = @_;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDERR, '>', '/dev/null';
		open STDOUT, '>', '/dev/null';
		exec @VALIDATE, '-i', $record, $schema or exit 127;
	}
	waitpid $pid, 0;
	return $? == 0;
}

# The schema with every object closed: what it does not name may not be there.
sub close_objects
{
	my ($schema) = @_;
	if (ref $schema eq 'ARRAY') {
		close_objects($_) for @$schema;
	} elsif (ref $schema eq 'HASH') {
		close_objects($_) for values %$schema;
		$schema->{additionalProperties} //= JSON::PP::false
			if ($schema->{type} // '') eq 'object' && $schema->{properties};
	}
	return $schema;
}

is(system(@VALIDATE, '--version') >> 8, 0, 'python3-jsonschema is there') or BAIL_OUT('install python3-jsonschema');
is(system("$BUILD/san/tests/unit/cli/record", $dir), 0, 'records are written');
my $closed = save("$dir/closed.json", close_objects(load($SCHEMA)));
for my $name (qw(full bare)) {
	ok(valid("$dir/$name.json", $SCHEMA), "the $name record is valid");
	ok(valid("$dir/$name.json", $closed), "the schema names all that is in the $name record");
}

# Those of experiments, as the commands write them.
my %experiment = (
	run => ['run', '--no-check', '-q', '-r', 3, '-w', 1, '-o', "$dir/run.json", 'true'],
	compare => ['compare', '--no-check', '-q', '-r', 6, '-o', "$dir/compare.json", 'true', 'sleep 0.001'],
	prove => ['prove', '-q', '-r', 24, '-w', 0, '-o', "$dir/prove.json", 'true'],
);
for my $name (sort keys %experiment) {
	system("'$BUILD/quietbench' " . join(' ', map { "'$_'" } @{ $experiment{$name} }) . ' >/dev/null 2>&1');
	ok(valid("$dir/$name.json", $closed), "the schema names all that is in the record of $name");
}

is(system("$BUILD/san/tests/unit/cli/outputs", $dir), 0, 'answers of check are written');
for my $name (qw(loud quiet)) {
	ok(valid("$dir/$name.json", $CHECK), "the $name answer is valid");
}

# Both describe the measurement, each in a file that stands alone: with the same words. So the closed record
# above has told that they name all of it.
my ($record_defs, $check_defs) = map { load($_)->{'$defs'} } $SCHEMA, $CHECK;
cmp_ok(scalar keys %$check_defs, '>', 3, 'definitions are found');
for my $name (sort grep { $_ ne 'host' } keys %$check_defs) {
	is_deeply($check_defs->{$name}, $record_defs->{$name}, "both mean the same by $name");
}

# Each of these breaks a promise of the schema's, and it must notice.
my %wrong = (
	'another schema' => sub { $_[0]{schema} = 'quietbench/check/2' },
	'a verdict of no contract' => sub { $_[0]{verdict} = 'fine' },
	'no verdict' => sub { delete $_[0]{verdict} },
	'a metric less' => sub { delete $_[0]{metrics}{steal} },
	'a metric without a limit' => sub { delete $_[0]{metrics}{gaps}{limit} },
	'a share below nothing' => sub { $_[0]{metrics}{gaps}{mean} = -1 },
	'a hard reason of no contract' => sub { $_[0]{hard}[0]{reason} = 'heat' },
	'a hard reason without advice' => sub { delete $_[0]{hard}[0]{advice} },
	'a cause of no contract' => sub { $_[0]{of}[0]{causes}[0]{cause} = 'bad luck' },
	'no CPU' => sub { $_[0]{of} = [] },
	'no host' => sub { delete $_[0]{host} },
);
for my $name (sort keys %wrong) {
	my $check = load("$dir/loud.json");
	$wrong{$name}->($check);
	ok(!valid(save("$dir/broken.json", $check), $CHECK), "refused of check: $name");
}

my %broken = (
	'another schema' => sub { $_[0]{schema} = 'quietbench/record/2' },
	'a status of no contract' => sub { $_[0]{levers}[0]{status} = 'planned' },
	'a lever without its unit' => sub { delete $_[0]{levers}[0]{unit} },
	'a mask for a list' => sub { $_[0]{cpus}{benchmark} = '0x3' },
	'an exit of both kinds' => sub { $_[0]{runs}[0]{exit}{signal} = 9 },
	'an exit of neither' => sub { $_[0]{runs}[0]{exit}{code} = undef },
	'a run without a command' => sub { $_[0]{runs}[0]{command} = [] },
	'runs that are no array' => sub { $_[0]{runs} = $_[0]{runs}[0] },
	'a verdict of no contract' => sub { $_[0]{runs}[0]{verdict} = 'fine' },
	'a local time' => sub { $_[0]{started_at} = '2025-11-22 18:20:11' },
	'seconds for nanoseconds' => sub { $_[0]{runs}[0]{wall_ns} = 12.41 },
	'a check without a verdict' => sub { delete $_[0]{check}{verdict} },
	'interrupts by number' => sub { $_[0]{runs}[0]{counters}{interrupts} = [3103] },
	'pressure of one kind' => sub { delete $_[0]{runs}[0]{counters}{pressure_us}{io} },
	'a sample without a time' => sub { delete $_[0]{runs}[0]{timeline}{samples}[0]{at_ns} },
	'a source of no contract' => sub { $_[0]{runs}[0]{sources}{switches} = 'guess' },
	'no restore' => sub { delete $_[0]{restore} },
	'half a checksum' => sub { $_[0]{profile}{sha256} = 'aa' },
	'a nested setting' => sub { $_[0]{profile}{effective}{'cpus.count'} = { n => 1 } },
);
for my $name (sort keys %broken) {
	my $record = load("$dir/full.json");
	$broken{$name}->($record);
	ok(!valid(save("$dir/broken.json", $record), $SCHEMA), "refused: $name");
}

# Within the schema's version members may come, and readers must stand them.
my $record = load("$dir/full.json");
$record->{later} = $record->{levers}[0]{later} = 1;
ok(valid(save("$dir/later.json", $record), $SCHEMA), 'accepted: members of a later version');
done_testing();
