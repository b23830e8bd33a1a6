#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Is what the README quotes what the programs print? Each quoted block that a generated host can
# reproduce is printed anew there and compared line by line. The others are listed here by name,
# with the reason; of those, every line that quietbench says fits a message of the program.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename;
use File::Temp 'tempdir';
use Test::More;

my $build = abs_path($ENV{QB_BUILD} // dirname($0) . '/../../build');
chdir dirname($0) . '/../..' or die "the top folder: $!\n";
$ENV{LC_ALL} = 'C.UTF-8';
delete @ENV{qw(XDG_CONFIG_HOME NO_COLOR)};
my $tmp = tempdir('/tmp/quietbench-readme.XXXXXX', CLEANUP => 1);
system('tests/hosts/make-host', 'intel-hwp', "$tmp/host") == 0 or die "cannot make the host\n";

# By their first line: blocks that are printed anew, and what the command is there.
my %printed = (
	'$ build/quietbench plan --root DIR' => ['plan', '--root', "$tmp/host"],
	'$ build/quietbench doctor --root DIR' => ['doctor', '--root', "$tmp/host"],
	'$ build/quietbench profile validate ./mine.yaml' => ['profile', 'validate', './mine.yaml'],
);
# Those that are not, and why.
my %listed = (
	'make demo     # conditions this host as far as it allows, runs a sample, restores, proves what that buys, and makes a report' =>
		'commands, no output',
	'$ build/quietbench run -v -- build/sample' => 'a run as root on a real guest: its times, tasks and IRQs',
	'quietbench: noisy before the command: preempted 52.31 % (limit 0.3 %), longest 24.03 ms (limit 2.00 ms): make (pid 812)' =>
		'measured on a busy CPU',
	'quietbench: not preempted, 86.01 ms; the CPU itself was 7.1 % slower after than before' =>
		'measured on a guest with busy neighbours',
	'$ build/quietbench check' => 'measured',
	'$ build/quietbench compare \'./old\' \'./new\'' => 'measured',
	'$ build/quietbench prove -- build/sample 40' => 'measured',
	'$ build/quietbench check --quick --limits ci --github' => 'measured beside a disturber',
	'error of the preempted share in percentage points: median (worst) of so many runs' =>
		'measured by make bench-noise',
);
# Lines that are put together from values and single words, so that no message is theirs.
my %composed = map { $_ => 1 } (
	'1 CPU, away from boot CPU 0', # why these CPUs
	'process.pin: 1', # a setting
	'quiet: 384.65 ms, preempted 0.00 %', # the verdict
	'preempted 50.20 % (limit 0.3 %): disturber (pid 13780): keep it off: quietbench run or apply isolates CPUs …', # metric, cause, advice
);
my %inline = (
	'no difference above 1.0 %' => 'a result of compare',
	'±0.010 ms (0.53 %), slowest +4.0 %' => 'measured; printed by the sample, not by quietbench',
	'5 threads shared 1 CPU: try -n 5' => 'measured',
	'detectable change 2.61 % with 20 runs of 1 s (limit 1 %; 137 runs would be enough): mostly gaps' => 'measured',
);

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "open $file: $!\n";
	local $/;
	return scalar <$in>;
}

sub spit
{
	my ($file, $text) = @_;
	open my $out, '>', $file or die "create $file: $!\n";
	print $out $text;
	close $out or die "write $file: $!\n";
}

# What the command prints, stderr included, without a terminal.
sub output
{
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		chdir $tmp or die;
		open STDERR, '>&', \*STDOUT or die;
		open STDIN, '<', '/dev/null' or die;
		exec "$build/quietbench", @_ or die "exec: $!\n";
	}
	local $/;
	my $text = <$out> // '';
	close $out;
	return $text;
}

# Quoted text as a pattern: all lines in order, where a line "…" stands for any lines.
sub pattern
{
	my $pattern = join '', map { /^ *…$/ ? '(?:.*\n)*?' : quotemeta($_) . '\n' } split /\n/, $_[0];
	return qr/^$pattern\z/;
}

# The messages of the programs, each as a pattern of a whole line. Without enough words it fits anything.
sub messages
{
	my @patterns;
	for my $file (glob 'src/*/*.c include/quietbench/*.h') {
		my $text = slurp($file);
		while ($text =~ /((?:"(?:[^"\\\n]|\\.)*"\s*)+)/g) {
			my $format = join '', $1 =~ /"((?:[^"\\\n]|\\.)*)"/g;
			(my $words = $format) =~ s/%[-+*.0-9]*[a-z]+//g;
			next unless $words =~ /[a-z]{6}/;
			my $pattern = join '', map { /^%%$/ ? '%' : /^%/ ? '.*' : quotemeta }
				split /(%%|%[-+*.0-9]*(?:hh|[hljzt])*[a-zA-Z])/, $format;
			push @patterns, qr/^(?:$pattern)$/;
		}
	}
	return @patterns;
}

my $readme = slurp('README.md');
my ($profile) = $readme =~ /^```yaml\n(version: 1\nname: mine\n.*?)^```$/ms;
ok(defined $profile, 'the README has a profile');
spit("$tmp/mine.yaml", $profile);
my $whole = $profile;
is(output('profile', 'validate', './mine.yaml') =~ /mine\.yaml:\d/ ? 'invalid' : 'valid', 'valid',
	'and it is valid');
is(($profile =~ s/\bcount:/cout:/), 1, 'it counts CPUs');
spit("$tmp/mine.yaml", $profile);

my @messages = messages();
cmp_ok(scalar @messages, '>', 500, 'messages are found');
my %seen;
while ($readme =~ /^```(\w*)\n(.*?)^```$/msg) {
	my ($language, $quoted) = ($1, $2);
	next if $language eq 'yaml' && $quoted eq $whole; # judged above
	my ($first, $rest) = $quoted =~ /^(.*)\n((?:.*\n)*)\z/;
	$seen{$first} = 1;
	if (my $command = $printed{$first}) {
		my $printed = output(@$command);
		like($printed, pattern($rest), "as printed: $first");
		next;
	}
	ok($listed{$first}, "printed anew or listed: $first");
	next unless $first =~ /^(?:quietbench: |\$ )/;
	my @said = grep { !/^ / && !$composed{$_} } map { /^quietbench: (.*)/ ? $1 : () } $first, split /\n/, $rest;
	my @unknown = grep { my $line = $_; !grep { $line =~ $_ } @messages } @said;
	ok(!@unknown, "its lines are messages of the program: $first") or diag(map { "  $_\n" } @unknown);
}
ok(!(grep { !$seen{$_} } keys %printed, keys %listed), 'what is listed is in the README')
	or diag(map { "  $_\n" } grep { !$seen{$_} } keys %printed, keys %listed);

# Quotes within a sentence: longer ones are commands, or listed.
(my $prose = $readme) =~ s/^```.*?^```$//msg;
my @quotes;
while ($prose =~ /`([^`]+)`/g) {
	my $quote = $1 =~ s/\s+/ /gr;
	push @quotes, $quote if 4 <= split / /, $quote;
}
my @unlisted = grep { !$inline{$_} && !/^(?:quietbench|run|apply|check|compare|prove|report|make) (?:[-\[A-Za-z'])/ } @quotes;
ok(!@unlisted, 'quotes within sentences are commands, or listed') or diag(map { "  $_\n" } @unlisted);
for my $quote (sort keys %inline) {
	ok((grep { $_ eq $quote } @quotes), "is in the README: $quote");
}
done_testing;
