#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The fault matrix with programs that AddressSanitizer and UBSan watch (fewer faults, one host): a memory error ends a
# process with SIGABRT, which strike sees (sanitized/options.c). Leaks are not looked for here: the unit tests do that.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $SOURCE = abs_path("$FindBin::RealBin/../..");
my $PROGRAMS = abs_path(($ENV{QB_BUILD} // "$SOURCE/build") . '/san');
my @NAMES = ('quietbench', 'quietbench-helper', 'quietbench-planner');

for my $name (@NAMES) {
	open my $in, '<:raw', "$PROGRAMS/$name" or plan skip_all => "needs `make BUILD=build/san SANITIZE=1 all`: $name: $!";
	local $/;
	<$in> =~ /__asan_default_options/ or BAIL_OUT("$PROGRAMS/$name is not sanitized");
}
# The planner's profiles are beside its folder.
my $dir = tempdir('quietbench-san.XXXXXX', DIR => -d '/dev/shm' ? '/dev/shm' : '/tmp', CLEANUP => 1);
mkdir "$dir/bin" or BAIL_OUT("$dir/bin: $!");
symlink "$SOURCE/profiles", "$dir/profiles" or BAIL_OUT("$dir/profiles: $!");
for my $name (@NAMES) {
	copy("$PROGRAMS/$name", "$dir/bin/$name") && chmod 0755, "$dir/bin/$name" or BAIL_OUT("$dir/bin/$name: $!");
}
$ENV{QB_PROGRAMS} = "$dir/bin";
$ENV{QB_SANITIZED} = 1;
delete $ENV{ASAN_OPTIONS}; # tests/run's look for leaks, which ends in an error under ptrace
system $^X, "$FindBin::RealBin/fault.t", @ARGV ? @ARGV : 'small-hwp';
exit($? >> 8 || $? & 127);
