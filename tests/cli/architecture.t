#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules that a reader may rely on: rooms use those below them, each library lives in one file,
# the host changes in one place, the helper stays small, files and functions stay readable.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename;
use Test::More;

my $build = abs_path($ENV{QB_BUILD} // dirname($0) . '/../../build');
chdir dirname($0) . '/../..' or die "the top folder: $!\n";

# What is versioned; in a release's tarball: what is there.
my @files = grep { -f } split /\n/, `git -c safe.directory='*' ls-files 2>/dev/null`;
@files = split /\n/, `find * .ci .clang-format -type f -not -path 'build*' -not -name '*.tar.gz'`
	unless @files;
# What is built, versioned or not: the same wildcards as the Makefile's.
my @sources = (glob('src/*/*.[ch]'), glob('include/quietbench/*.h'));
my %text = map { $_ => slurp($_) } @sources;
cmp_ok(scalar @sources, '>', 100, 'sources are found');

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "open $file: $!\n";
	local $/;
	return scalar <$in>;
}

# none NAME ITEM...: there is no such item; shows those that are
sub none
{
	my ($name, @found) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@found, $name) or diag(map { "  $_\n" } @found);
}

# ---- who may use whom ----
# Proved on the objects' symbols: an include line says what a file could use, and the headers of include/quietbench are
# everybody's. The include lines only add what leaves no symbol: types, constants.
my @rooms = qw(base stats model host levers core noise client helper planner watcher bus provision cli);
my %rank = map { $rooms[$_] => $_ } 0 .. $#rooms;
my @shared = qw(base stats model host levers core noise);
my %program = (
	'quietbench' => [@shared, qw(client provision cli)],
	'quietbench-helper' => [@shared, 'helper'],
	'quietbench-planner' => [@shared, 'planner'],
	'quietbench-watcher' => [@shared, 'watcher'],
	'quietbench-bus' => [@shared, 'bus'],
);
my %built = map { m{/obj/(src/(\w+)/\w+)\.o$} ? ("$1.c" => { room => $2, symbols($_) }) : () }
	grep { my ($source) = m{/obj/(.*)\.o$}; -f "$source.c" } glob("$build/obj/src/*/*.o");
cmp_ok(scalar keys %built, '>', 100, 'objects are found');

# What an object defines for others, and what it wants of them.
sub symbols
{
	my ($object) = @_;
	my (%defines, %wants);
	for (`nm -P -g '$object'`) {
		my ($name, $type) = split;
		($type eq 'U' ? \%wants : \%defines)->{$name} = 1;
	}
	return (defines => \%defines, wants => \%wants);
}

# Two programs may each have a function of one name: what a name means is for the program to say.
my (%upwards, $arrows);
for my $name (sort keys %program) {
	my %mine = map { $_ => 1 } @{ $program{$name} };
	my @files = grep { $mine{ $built{$_}{room} } } sort keys %built;
	my (%where, @twice);
	for my $file (@files) {
		push @twice, grep { $_ ne 'main' && $where{$_} } keys %{ $built{$file}{defines} };
		$where{$_} = $file for keys %{ $built{$file}{defines} };
	}
	none("$name: every symbol has one place", @twice);
	for my $file (@files) {
		for my $symbol (sort keys %{ $built{$file}{wants} }) {
			my $from = $where{$symbol} // next;
			my ($own, $other) = map { $built{$_}{room} } $file, $from;
			next if $own eq $other;
			$arrows++;
			$upwards{"$file uses $symbol of $from"} = 1 unless $rank{$other} < $rank{$own};
		}
	}
}
cmp_ok($arrows, '>', 500, 'uses of other rooms are found');
none("rooms use those below them: @rooms", sort keys %upwards);

my @upwards;
for my $file (@sources) {
	my ($own) = $file =~ m{^src/(\w+)/};
	if (defined $own && !exists $rank{$own}) {
		push @upwards, "$file: a folder that the architecture does not know";
		next;
	}
	while ($text{$file} =~ m{^\s*#\s*include\s*([<"])([^>"]+)[>"]}mg) {
		my ($quote, $name) = ($1, $2);
		my ($folder) = $name =~ m{^(\w+)/};
		next if $quote eq '"' && -f dirname($file) . "/$name" && $name !~ m{/};
		next if $quote eq '<' && (!defined $folder || !exists $rank{$folder});
		next if $quote eq '<' && defined $own &&
			($folder eq $own || $rank{$folder} < $rank{$own});
		push @upwards, "$file includes $name";
	}
}
none('so do their includes', @upwards);

# ---- each library in one file ----
my %library = (
	'cpufreq.h' => 'src/host/cpufreq.c',
	'hwloc.h' => 'src/host/topology.c',
	'jansson.h' => 'src/cli/json.c',
	'sha256.h' => 'src/core/profile.c',
	'sys/capability.h' => 'src/helper/sandbox.c',
	'systemd/sd-bus.h' => 'src/bus/bus.h',
	'yaml.h' => 'src/core/yaml.c',
);
for my $header (sort keys %library) {
	my @users = grep { $text{$_} =~ m{^\s*#\s*include\s*<\Q$header\E>}m } @sources;
	is("@users", $library{$header}, "<$header> is in one file");
}
my @bus = grep { $text{$_} =~ m{include ["<](?:bus/)?bus\.h[">]} } @sources;
is("@bus", join(' ', sort glob('src/bus/*.c')), 'sd-bus does not leave the program that speaks to systemd and logind');
# A header nobody listed here: neither ours, nor libc's or the kernel's.
my %listed = map { $_ => 1 } keys %library;
my @unknown;
for my $file (@sources) {
	while ($text{$file} =~ m{^\s*#\s*include\s*<([^>]+)>}mg) {
		my $name = $1;
		my ($folder) = $name =~ m{^(\w+)/};
		next if $listed{$name} || defined $folder && exists $rank{$folder};
		push @unknown, "$file includes <$name>" unless
			$name =~ m{^(?:quietbench|sys|linux|asm|arpa|netinet|net)/} ||
			$name =~ m{^(?:assert|cpuid|ctype|dirent|errno|fcntl|float|fnmatch|fts|getopt|glob|grp|
				inttypes|langinfo|limits|locale|math|mntent|poll|pthread|pty|pwd|regex|sched|search|
				signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|
				stdnoreturn|string|strings|syslog|termios|threads|time|ucontext|unistd|wordexp|
				wchar|wctype)\.h$}x;
	}
}
none('no other library', @unknown);

# ---- the host changes in one place ----
my %code = map { $_ => $text{$_} =~ s{/\*.*?\*/}{}gsr } @sources;
my @writers = grep { $code{$_} =~ m{(?<!int )\bqb_lever_write\b} } @sources;
is("@writers", 'src/core/apply.c src/core/undo.c', 'qb_lever_write is called by apply and undo alone');

# ---- whoever is moved, bound or ended by a number is held first ----
my @movers = grep { $code{$_} =~ m{\bcgroup\.procs\b} } sort @sources;
is("@movers", 'src/host/caller.c src/host/cgroups_members.c src/host/move.c', 'members of a group are read, moved and left in one file each');
my @binders = grep { m{^src/(?:helper|host|levers|core)/} && $built{$_}{wants}{sched_setaffinity} } sort keys %built;
is("@binders", 'src/host/tasks.c', 'as root affinities are set in one file');
none('nobody ends a group by its name (MUST 4 of move.c)', grep { $code{$_} =~ m{\bcgroup\.kill\b} } @sources);

# ---- root's side waits for no socket ----
my @patient = grep { my $wants = $built{$_}{wants}; m{^src/(?:helper|host|levers|core)/} && grep { /^qb_message_(?:send|receive|send_(?:steps|done|error))$/ } keys %$wants } sort keys %built;
none('who serves as root sends and receives without waiting (MUST 15)', @patient);
my @senders = grep { m{^src/helper/} && $built{$_}{wants}{qb_message_send_now} } sort keys %built;
is("@senders", 'src/helper/wire.c', 'and sends through its queues alone');

# ---- every unit test bears the name of what it tests ----
my %without_source = (
	'core/profile_shipped' => 'the files of profiles/',
);
my @tests = map { m{^tests/unit/(\w+/\w+)\.c$} ? $1 : () } glob('tests/unit/*/*.c');
cmp_ok(scalar @tests, '>', 30, 'unit tests are found');
none('tests/unit/X/Y.c is the test of src/X/Y.c', grep { !-f "src/$_.c" && !$without_source{$_} } @tests);
none('but for these, and there they are', grep { -f "src/$_.c" || !-f "tests/unit/$_.c" } sort keys %without_source);
none('no unit test lies beside the folders, where nothing builds it', glob('tests/unit/*.c'));

# ---- the helper links no parser and no topology library ----
my $parsers = qr{lib(?:yaml|hwloc|cpupower|jansson)[-.0-9]*so};
my $ldd = `ldd '$build/quietbench-planner'`;
like($ldd, $parsers, 'ldd sees the planner\'s parsers');
$ldd = `ldd '$build/quietbench-helper'`;
like($ldd, qr{libc\.}, 'ldd sees the helper\'s libraries');
unlike($ldd, $parsers, 'the helper has no parser and no topology library, not even indirectly');
my %in_helper = map { (split)[0] => 1 } `nm -P -g --defined-only '$build/quietbench-helper'`;
ok($in_helper{main}, 'nm sees the helper\'s functions');
none('none of them is of the instrument, which a process of nobody\'s runs',
	map { my $file = $_; map { "$_ of $file" } grep { $in_helper{$_} } keys %{ $built{$file}{defines} } }
	grep { $built{$_}{room} eq 'noise' } sort keys %built);
for my $program (qw(quietbench quietbench-helper quietbench-planner quietbench-watcher)) {
	my $ldd = `ldd '$build/$program'`;
	unlike($ldd, qr{libsystemd|libgcrypt}, "$program does not link libsystemd,");
	unlike(`nm '$build/$program'`, qr{\b(?:sd_bus_|dlopen\b)}, 'nor can it load it');
}

# ---- readable in one sitting ----
none('no file is longer than 450 lines',
	map { my $n = () = $text{$_} =~ /\n/g; $n > 450 ? "$_: $n" : () } @sources);
my ($functions, @long) = (0);
for my $file (@sources) {
	my ($head, $start, $number) = (0, 0, 0);
	for my $line (split /\n/, $text{$file}) {
		$number++;
		$head = $number if $line =~ /^[a-z_]/;
		$start = $head if $line eq '{';
		next if $line ne '}' || !$start;
		$functions++;
		my $n = $number - $start + 1;
		push @long, "$file:$start: $n" if $n > 60;
		$start = 0;
	}
}
cmp_ok($functions, '>', 500, 'functions are found');
none('no function is longer than 60 lines', @long);

# ---- every file says what it is ----
my @unlicensed;
for my $file (@files) {
	my ($first, $second) = (split(/\n/, slurp($file), 3), '', '');
	my $licence = 'SPDX-License-Identifier: GPL-2.0-or-later';
	if ($file =~ /\.[ch]$/) {
		push @unlicensed, $file if $first ne "/* $licence */";
	} elsif ($first =~ /^#!/ || $file =~ m{(?:^|/)(?:Makefile|Kbuild|[^/]+\.(?:mk|sh|pm|yaml))$}) {
		push @unlicensed, $file unless "$first\n$second" =~ /^# \Q$licence\E$/m;
	}
}
none('every source and script starts with its licence', @unlicensed);

# ---- the folders ----
my %top = map { (split m{/})[0] => 1 } grep { !/^\./ } @files;
is(join(' ', sort keys %top), 'LICENSE Makefile README.md contrib include profiles src tests',
	'the top level is what it always was');
my %rooms = map { m{^contrib/([^/]+)/} ? ($1 => 1) : () } @files;
none('every folder of contrib has a README', grep { !-f "contrib/$_/README.md" } sort keys %rooms);

# ---- the words ----
# One word for one thing, in messages, comments and texts; each with what is said instead.
my %retired = (
	q{\bhouse\b|keeps? house} => 'housekeeping CPUs, housekeeping on 0-1',
	q{\bquiet CPUs?\b} => 'benchmark CPUs: quiet is a verdict',
	q{\bculprits?\b|\bblame[ds]?\b|who did (?:it|what)\b} => 'cause',
	q{\bothers\b} => 'other tasks, users, steps: whichever is meant',
	q{\b(?:he|his|him|himself)\b} => 'it, they, the process',
	q{\b(?:is|are|was|reads) so already\b} => 'already set',
	q{\b(?:cannot|can|not to) be had\b} => 'available, not available here',
	q{\bis not heeded\b} => 'ignored',
	q{\bdied at work\b} => 'was interrupted',
	q{\bother CPUs' doing\b} => 'caused by other CPUs',
	q{\bforet(?:ell|old)} => 'predict',
	q{\bwould have to end first\b|not \(any more\)|is put right\b} => 'short declarative sentences',
);
my $retired = join '|', keys %retired;
# Names that are fixed: keys of JSON, a cgroup and a lever's part, which are in journals and records.
my %fixed = map { $_ => 1 } qw("culprit" "culprits" "blamed" "others" "/culprits" "/blamed" "quietbench.house");
# Comments and strings of C and of scripts; all of a text.
sub told
{
	my ($file, $text) = @_;
	return $text unless $file =~ /\.(?:[ch]|js)$/;
	return join "\n", map { s{\n\s*\*?}{ }gr } grep { defined && !$fixed{$_} }
		$text =~ m{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*")|'(?:[^'\\\n]|\\.)+'}sg;
}
my @texts = grep { !/\.png$/ } grep { m{^(?:contrib|profiles|src|include)/|^README\.md$} } @files;
none('words that are no longer said', map {
	my $file = $_;
	my $told = told($file, slurp($file)) =~ s{quietbench\.house}{}gr;
	map { "$file: $_" } $told =~ /($retired)/g;
} @texts);
my $sample = qq{/* kept by\n * his house */ int others = '"'; f("culprit", "others run", "it is");};
is(join(',', told('a.c', $sample) =~ /($retired)/g), 'his,house,others', 'and they would be found');

done_testing;
