# SPDX-License-Identifier: GPL-2.0-or-later
# Crash: a substituted host on which quietbench is killed or failed, and the judgement of what is left.
#
#   use Crash;
#   Crash::on_hosts(sub { my ($host) = @_; ... }, 'small-hwp', 'small-boost');
#
# runs the sub once for each host, inside its mount namespace. 'small-hwp*4' are four of the same at once, for work that
# mostly waits: $host->{part} of $host->{parts} each. There:
#
#   $host->count(STRIKES, COMMAND)   runs with changes and looks watched; what they were, by role
#   $host->count_all(COMMAND)        runs with all calls watched; what they were, by role
#   $host->strike(STRIKES, COMMAND)  runs and remembers what strike saw; its exit status
#   $host->judge                     a list of what is wrong now; the host is then mended for the next round
package Crash;
use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:mode);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;
use Time::HiRes qw(lstat);

my $SOURCE = abs_path("$FindBin::RealBin/../..");
my $BUILD = abs_path($ENV{QB_BUILD} // "$SOURCE/build");
# QB_PROGRAMS: other programs than the build's own, a sanitized build's for one.
my $PROGRAMS = abs_path($ENV{QB_PROGRAMS} // $BUILD);
our $QUIETBENCH = "$PROGRAMS/quietbench";
our $FULL = $ENV{QB_FULL};

# The last CPU of the real machine that we may use: only such a one can be given to a benchmark here.
sub last_cpu {
	open my $status, '<', '/proc/self/status' or die "/proc/self/status: $!";
	my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ } <$status>;
	return $list =~ s/.*[-,]//r;
}

# A run without isolation, and one that does not ask for irqbalance: the machine's processes are none of this host's.
sub run_command {
	return ($QUIETBENCH, 'run', '--no-check', '-c', last_cpu(), '-s', 'cpus.isolation=none', '-s', 'irqs.irqbalance=keep', '--', @_);
}

# Chance that can be had again: QB_SEED is set from now on, for `srand`. make check is not to depend on luck: it takes the same
# each time, make check-full others.
sub seeded {
	return if defined $ENV{QB_SEED};
	$ENV{QB_SEED} = $FULL ? int rand 1e9 : 20261130;
	note("the seed is $ENV{QB_SEED}: QB_SEED=$ENV{QB_SEED} does the same again");
}

# The programs where every user can execute them, with a sudo that obeys all of them. The folder lasts as long as what is
# returned.
sub programs_for_all {
	my $dir = File::Temp->newdir('quietbench-programs.XXXXXX', DIR => '/tmp');

	chmod 0755, "$dir" or BAIL_OUT("$dir: $!");
	mkdir "$dir/bin" or BAIL_OUT("$dir/bin: $!");
	system('cp', '-r', "$SOURCE/profiles", $dir) == 0 or BAIL_OUT("$SOURCE/profiles");
	my @all = map { "$PROGRAMS/quietbench$_" } '', '-helper', '-planner', '-watcher', '-bus';
	# Without libsystemd there is no bus.
	for ((grep { -e || !/-bus$/ } @all), "$BUILD/tests/sudo") {
		copy($_, "$dir/bin") or BAIL_OUT("$_: $!");
	}
	chmod 0755, glob "$dir/bin/*";
	chmod 04755, "$dir/bin/sudo";
	$ENV{PATH} = "$dir/bin:$ENV{PATH}";
	$ENV{QB_PROGRAMS} = "$dir/bin";
	return $dir;
}

sub on_hosts {
	my ($sub, @hosts) = @_;

	plan skip_all => 'needs root' if $>;
	if ($ENV{QB_CRASH_HOST}) {
		$sub->(Crash->new(split /:/, $ENV{QB_CRASH_HOST}, 4));
		exit 0;
	}
	for (@hosts) {
		my ($host, $parts) = split /\*/;
		my @begun = map { begin($host, $_, $parts // 1) } 1 .. $parts // 1;
		local @SIG{'INT', 'TERM', 'HUP'} = (sub { kill 'TERM', map { $_->{pid} } @begun; exit 1 }) x 3;
		tell_of($_) for @begun;
	}
	done_testing();
}

# A host, or a part of one, in a process of its own, which writes to a file: nobody has to wait until it is read.
sub begin {
	my ($host, $part, $parts) = @_;
	my $dir = tempdir('quietbench-crash.XXXXXX', DIR => -d '/dev/shm' ? '/dev/shm' : '/tmp', CLEANUP => 1);

	system("$SOURCE/tests/hosts/make-host", $host, $dir) == 0 or BAIL_OUT("make-host $host");
	local $ENV{QB_CRASH_HOST} = "$host:$part:$parts:$dir";
	my $pid = fork // BAIL_OUT("fork: $!");
	if (!$pid) {
		open STDOUT, '>', "$dir/told" or die "$dir/told: $!";
		exec "$BUILD/tests/with-host", $dir, $^X, $0, @ARGV or die "with-host: $!";
	}
	return { name => $parts > 1 ? "$host, $part of $parts" : $host, pid => $pid, told => "$dir/told" };
}

sub tell_of {
	my ($begun) = @_;

	waitpid $begun->{pid}, 0;
	my $status = $?;
	for (split /\n/, content($begun->{told})) {
		if (/^(not )?ok - (.*)/) { ok(!$1, "$begun->{name}: $2") } else { diag_or_note($_) }
	}
	is($status, 0, "$begun->{name}: came to its end");
}

sub diag_or_note { my ($line) = @_; $line =~ /^#! ?(.*)/ ? diag($1) : note($line =~ s/^# ?//r) }

# In the namespace: what on_hosts passes on as a test, a comment, or a complaint.
sub result { my ($self, $good, $text) = @_; print $good ? '' : 'not ', "ok - $text\n"; return $good }
sub comment { my ($self, $text) = @_; print "# $text\n" }
sub complain { my ($self, @lines) = @_; print map { "#! $_\n" } map { split /\n/ } @lines }

sub new {
	my ($class, $name, $part, $parts, $dir) = @_;

	$| = 1;
	my $self = bless { name => $name, part => $part, parts => $parts, dir => $dir, log => "$dir/log", out => "$dir/out" }, $class;
	$self->{tree} = $self->tree;
	return $self;
}

sub content { my ($path) = @_; open my $in, '<', $path or return "!$!"; local $/; return scalar <$in> // '' }

sub entries { my ($path) = @_; opendir my $folder, $path or return; return grep { !/^\.\.?$/ } readdir $folder }

# All that there is below the host's sys and proc: path => kind, mode, and what it holds. A file that nobody has
# written to since the last look is not read again. A line's end is none of a value, which half a write may lack.
sub tree {
	my ($self) = @_;
	my (%tree, %stamp);
	my @look = ("$self->{dir}/sys", "$self->{dir}/proc");

	while (defined(my $path = shift @look)) {
		my @st = lstat $path or next;
		my $mode = $st[2];
		push @look, map { "$path/$_" } entries($path) if S_ISDIR($mode);
		$stamp{$path} = "@st[1, 2, 7, 9]";
		if (($self->{stamp}{$path} // '') eq $stamp{$path}) {
			$tree{$path} = $self->{last}{$path};
			next;
		}
		$tree{$path} = sprintf '%o ', $mode;
		$tree{$path} .= S_ISLNK($mode) ? readlink $path : content($path) =~ s/\n\z//r if !S_ISDIR($mode);
	}
	@$self{'last', 'stamp'} = (\%tree, \%stamp);
	return \%tree;
}

sub differs {
	my ($self) = @_;
	my ($was, $is) = ($self->{tree}, $self->tree);

	return keys %$was != keys %$is || grep { ($is->{$_} // '') ne $was->{$_} } keys %$was;
}

# Puts the tree back where it differs, and returns the differences.
sub mend {
	my ($self) = @_;
	my ($was, $is) = ($self->{tree}, $self->tree);
	my @differ;

	for my $path (reverse sort keys %$is) {
		next if exists $was->{$path};
		push @differ, "new: $path";
		-d $path ? rmdir $path : unlink $path;
	}
	for my $path (sort keys %$was) {
		next if ($is->{$path} // '') eq $was->{$path};
		my ($mode, $text) = $was->{$path} =~ /^(\d+) (.*)/s;
		push @differ, sprintf '%s: was %s, is %s', $path, $was->{$path}, $is->{$path} // 'gone';
		chmod oct($mode) & 07777, $path;
		open my $out, '>', $path or die "$path: $!";
		print $out "$text\n";
		close $out or die "$path: $!";
	}
	return map { s/\n//gr } @differ;
}

# What the programs keep in /run: the lock, the sign of who had it last, and an empty queue may stay.
sub state_left {
	my @left;

	find({ no_chdir => 1, wanted => sub { push @left, $_ if -e || -l } }, '/run/quietbench') if -d '/run/quietbench';
	return grep { !m{^/run/quietbench(/lock|/lock\.holder|/queue|/claims)?$} } @left;
}

sub forget_state { unlink reverse(state_left()) }

# Runs a command with its output in $self->{out}; returns its exit status.
sub run {
	my ($self, @command) = @_;
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		open STDIN, '<', '/dev/null' or die;
		open STDOUT, '>', $self->{out} or die;
		open STDERR, '>&', \*STDOUT or die;
		exec @command or die "$command[0]: $!";
	}
	waitpid $pid, 0;
	return $? & 127 ? "signal $?" : $? >> 8;
}

# strike(@STRIKES, '--', COMMAND...)
sub strike {
	my ($self, @args) = @_;
	my @options = ('-l', $self->{log});

	while (@args && (my $word = shift @args) ne '--') {
		push @options, $word =~ /^-/ ? $word : ('-s', $word);
	}
	my $status = $self->run("$BUILD/tests/strike", @options, @args);
	$self->{seen} = [ map { s/\n//r } split /^/, content($self->{log}) ];
	return $status;
}

# The calls that a run makes: role => [text of its first, of its second, …]; `bench` holds how many each role
# had made when the benchmark began.
sub count {
	my ($self, @args) = @_;
	my (%calls, %bench);

	$self->strike('-w', @args);
	for (@{ $self->{seen} }) {
		push @{ $calls{$1} }, $2 if /^call (\S+) \d+ (.*)/;
		%bench = map { $_ => scalar @{ $calls{$_} } } keys %calls if /^executed (?!quietbench)/;
	}
	$calls{bench} = \%bench;
	return \%calls;
}

# All calls that there are: role => [[its number, "change", "look" or "other", text], …].
sub count_all {
	my ($self, @args) = @_;
	my %calls;

	$self->strike('-w', '-w', @args);
	for (@{ $self->{seen} }) {
		push @{ $calls{$1} }, [$2, 'other', $3] if m{^call (\w+)/call (\d+) (.*)};
		$calls{$1}[-1][1] = $2 ? 'look' : 'change' if m{^call (\w+)(/look)? \d+ };
	}
	return \%calls;
}

# Who died of what nobody sent it.
sub crashed { my ($self) = @_; return grep { /^end \S+ signal (?!9$|15$)/ || /^said / } @{ $self->{seen} } }
sub struck { my ($self) = @_; return grep { /^struck / } @{ $self->{seen} } }

# Is all as it was, and nobody left? The complaints; afterwards it is so.
sub judge {
	my ($self) = @_;
	my @wrong = (map({ "did not end in time: $_" } grep { /^(left|outlived) / } @{ $self->{seen} }), $self->crashed);
	my $status = $self->run($QUIETBENCH, 'status');

	push @wrong, "status says $status: " . content($self->{out}) if $status ne 3 || content($self->{out}) ne "not conditioned\n";
	push @wrong, map { "left in /run: $_" } state_left();
	push @wrong, $self->mend;
	forget_state();
	return @wrong;
}

1;
