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
	'$ build/quietbench profile validate ./mine.yaml' => ['profile', 'validate', './mine.yaml'],
);
# Those that are not, and why.
my %listed = (
	'make demo     # conditions this host as far as it allows, runs a sample, restores, proves what that buys, and makes a report' =>
		'commands, no output',
	'make deps all build/sample' => 'commands, no output',
	'# hyperfine: inside; around it one would measure quietbench as well' => 'commands, no output',
	'$ quietbench compare -o compare.json \'build/sample 40\' \'build/sample 42\'' => 'measured on a busy guest',
	'$ quietbench prove -- build/sample 40' => 'measured on a busy guest',
);
my %inline = (
	'no difference above 1.0 %' => 'a result of compare',
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

cmp_ok(scalar(() = $readme =~ /\n/g), '<=', 200, 'it is for a newcomer: the rest is in the manual');
for my $picture ($readme =~ /!\[[^]]*\]\(([^)]*)\)/g) {
	ok(-s $picture && -s $picture < 60 * 1024, "a small picture: $picture");
}
# Every page of the manual that it names is there, and every command of its recipes has options that are.
for my $page ($readme =~ /`man (quietbench[-a-z0-9.]*)`/g) {
	my $name = $page =~ s/\.(\d)$//r;
	ok((grep { -f "contrib/man/$name.$_" } $page =~ /\.(\d)$/ ? $1 : 1 .. 8), "a page of the manual: $page");
}
while ($readme =~ /^(?:[A-Z_0-9a-z]+="?|sudo )?(?:build\/)?quietbench ([a-z]+)((?: -[^\s|&;]+(?: (?!-|')[^\s|&;]+)?)*)/mg) {
	my ($command, $options) = ($1, $2);
	my $help = output('help', $command);
	my @options = grep { !/^--$/ } $options =~ /(?<=\s)(-{1,2}[a-z][-a-z]*)/g;
	ok(!(grep { $help !~ /^ +(?:-., )?\Q$_\E\b/m } @options), "$command has: @options");
}

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
	my @said = grep { !/^ / } map { /^quietbench: (.*)/ ? $1 : () } $first, split /\n/, $rest;
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
