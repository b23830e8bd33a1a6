#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A planner that hangs, crashes, floods and lies: the helper believes none of it, says so, and touches nothing. And what a planner
# of the helper's is: nobody, with nothing.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
for fake in fake slow; do
	mkdir "$tmp/$fake"
	cp "$build/quietbench" "$build/quietbench-helper" "$tmp/$fake"
	cp "$build/tests/fake-planner" "$tmp/$fake/quietbench-planner"
done

# Its place is taken by one that lacks a library, and by what is no program.
for fake in library nothing; do
	mkdir "$tmp/$fake"
	cp "$build/quietbench" "$build/quietbench-helper" "$tmp/$fake"
done
sed 's/libyaml-0/libnone-0/' "$build/quietbench-planner" >"$tmp/library/quietbench-planner"
echo nothing >"$tmp/nothing/quietbench-planner"
# The same of the helper.
for fake in library nothing; do
	mkdir "$tmp/helper-$fake"
	cp "$build/quietbench" "$build/quietbench-planner" "$tmp/helper-$fake"
done
sed 's/libcap\.so/libnap.so/' "$build/quietbench-helper" >"$tmp/helper-library/quietbench-helper"
echo nothing >"$tmp/helper-nothing/quietbench-helper"
chmod 755 "$tmp"/helper-*/quietbench-helper
chmod 755 "$tmp"/*/quietbench-planner

# NAME|status|what quietbench says (extended, in some line)
cat >"$tmp/table" <<'EOF'
report|125|Umask: 0077 Uid: 65534 65534 65534 65534 Gid: 65534 65534 65534 65534 Groups: +CapInh: 0{16} CapPrm: 0{16} CapEff: 0{16} CapBnd: [0-9a-f]+ CapAmb: 0{16} NoNewPrivs: 1 Seccomp: 2 environment 0 limits 0 0 1024 60 cwd / fds( 0| 1| 2| 3){4}$
forbidden|125|came back:$
flood|125|the planner sent more than 1024 messages
contradict|125|the planner's choice of CPUs contradicts itself
unknown-lever|125|the planner sent an invalid step
long-value|0|frequency.governor: .*
value-path|0|frequency.governor: (the value|.*passwd)
unit-path|0|kernel.workqueues: .*
unit-number|0|frequency.governor: .*
other-version|125|the peer speaks protocol 99
oversized|125|a packet of more than 49152 bytes
foreign-type|125|the planner may not send BYE
crash|125|the planner died of signal 11
nothing|125|the planner ended before its plan was complete
EOF

cat >"$tmp/story" <<EOF
cd $tmp/home
(for act in hang drip; do
	echo \$act >$tmp/slow/planner-does
	timeout 100 $tmp/slow/quietbench run --no-check -- true >$tmp/got.\$act 2>&1
	echo \$? >$tmp/got.\$act.status
done) &
slow=\$!
for act in \$(sed -n 's/|.*//p' $tmp/table); do
	echo \$act >$tmp/fake/planner-does
	# The lock is with those that hang, in turns: this waits.
	timeout 100 $tmp/fake/quietbench run --no-check -v -- true >$tmp/got.\$act 2>&1
	echo \$? >$tmp/got.\$act.status
done
for fake in library nothing; do
	$tmp/\$fake/quietbench plan >$tmp/got.plan-\$fake 2>&1
	echo \$? >$tmp/got.plan-\$fake.status
	timeout 100 $tmp/\$fake/quietbench run --no-check -- true >$tmp/got.run-\$fake 2>&1
	echo \$? >$tmp/got.run-\$fake.status
	timeout 100 $tmp/helper-\$fake/quietbench run --no-check -- true >$tmp/got.helper-\$fake 2>&1
	echo \$? >$tmp/got.helper-\$fake.status
done
echo honest >$tmp/fake/planner-does
$tmp/fake/quietbench apply -q
echo trespass >$tmp/fake/planner-does
timeout 100 $tmp/fake/quietbench run --no-check -- true >$tmp/got.trespass 2>&1
echo \$? >$tmp/got.trespass.status
$qb restore -q
wait \$slow
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err" || sed 's/^/# /' "$tmp/story.err"

cat >>"$tmp/table" <<'EOF'
hang|125|the planner gave no answer within 20 s
drip|125|the planner gave no answer within 20 s
trespass|125|the planner chose CPUs that the caller may not use
plan-library|2|the planner could not be executed: .*libnone-0\.so.*No such file
run-library|125|the planner could not be executed: .*libnone-0\.so.*No such file
plan-nothing|2|the planner could not be executed: .*quietbench-planner: Exec format error
helper-library|125|the helper could not be executed: .*libnap\.so.*No such file
helper-nothing|125|the helper could not be executed: .*quietbench-helper: Exec format error
run-nothing|125|the planner could not be executed: .*quietbench-planner: Exec format error
EOF
while IFS='|' read -r act wanted says; do
	is "$act: status" "$(cat "$tmp/got.$act.status")" "$wanted"
	like "$act: says" "$(cat "$tmp/got.$act")" "$says"
done <"$tmp/table"
# The real one gives up all that (fake-planner's `forbidden`) before it has read a byte: here nobody asks it anything.
cat >"$tmp/waits" <<'EOF'
use strict; use warnings; use Socket;
socketpair(my $ours, my $its, AF_UNIX, SOCK_SEQPACKET, 0) or die "socketpair: $!";
my $pid = fork;
if (!$pid) { open STDIN, '<&', $its or die "stdin: $!"; exec { $ARGV[0] } $ARGV[0], '3' or die "exec: $!" }
my $status = '';
for (1 .. 200) {
	open my $in, '<', "/proc/$pid/status" or die "status: $!";
	$status = join '', grep { /^(?:State|NoNewPrivs|Seccomp):/ } <$in>;
	last if $status =~ /State:\tS/ && $status =~ /Seccomp:\t2/;
	select undef, undef, undef, 0.05;
}
printf "%s%s", $status =~ tr/\t\n/  /r, (stat "/proc/$pid/mem")[4];
kill KILL => $pid;
EOF
like "the real one waits for a question without a way to do more, and nobody looks into it" \
	"$($user perl "$tmp/waits" "$build/quietbench-planner" 3<"$tmp/profiles")" '^State: S \(sleeping\) NoNewPrivs: 1 Seccomp: 2 0$'
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
