# SPDX-License-Identifier: GPL-2.0-or-later
# What a kernel took and cannot give back at the end of a run is owed: told, kept, and given back by `restore` when that is
# possible. And a cpuset of somebody else's that breaks the run's partition: seen, and nothing of it is left.
. /qb/guest-lib.sh
cpus=/sys/devices/system/cpu
root=/sys/fs/cgroup
run() { quietbench run --no-check -p default -o /tmp/record "$@" >/tmp/run.out 2>/tmp/run.err; }
mask() { sed -n 's/^Cpus_allowed:\t//p' "/proc/$1/status"; }
# The kernel binds its own threads anew with every CPU that goes or comes, to what an affinity lets it.
all_back() { within 10 as_before 'task/*/rcu_exp_*'; }
told() { quietbench status >/tmp/status.out 2>&1; says "$1" /tmp/status.out; }
silent() { ! grep "$1" "$2"; }
# holder COMMAND...: a run during which COMMAND is executed
with_rival() {
	rm -f /tmp/benchmark /tmp/go
	# shellcheck disable=SC2086 # options
	run ${options:-} -- sh -c 'echo $$ >/tmp/benchmark; until [ -e /tmp/go ]; do usleep 50000; done' &
	client=$!
	within 60 [ -s /tmp/benchmark ] || { fail "the benchmark started" /tmp/run.err; done_testing; }
	"$@"
	touch /tmp/go
	wait "$client"
	ended=$?
}

# ---- masks that name an offline CPU: before Linux 6.3 a cpuset or an affinity takes that CPU from every thread ----
start_odd 08 0c c0 ff
sleep 3595 &
sleeper=$!
all=$(mask "$sleeper")
before
echo 0 >$cpus/cpu3/online
run -- true
is "an offline CPU: the status is the command's" "$?" 0

sed 's/^/# /' /tmp/run.err
is "an offline CPU: no failures" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
if [ "$(mask "$sleeper")" = "$all" ]; then
	is "this kernel keeps it: nothing is owed" "$(jq -c .restore.owed /tmp/record)" '[]'
	ok "this kernel keeps it: nothing is told" silent 'given back' /tmp/run.err
else
	ok "the kernel took it: told at the end" says 'to be given back when that is possible: cpus.isolation [0-9]* tasks: CPU 3 is offline' /tmp/run.err
	ok "the kernel took it: the record has it" jq -e '.restore.owed | length > 10' /tmp/record
	ok "the kernel took it: status tells it" told '^  cpus.isolation [0-9]* tasks: CPU 3 is offline'
	sleep 3594 &
	born=$!
	quietbench restore >/tmp/restore.out 2>&1
	is "too early: restore ends well" "$?" 0
	ok "too early: restore says so" says 'to be given back when that is possible: cpus.isolation [0-9]* tasks: CPU 3 is offline' /tmp/restore.out
	ok "too early: status still tells it" told 'CPU 3 is offline'
	run -- true
	is "another run meanwhile" "$?" 0
fi
echo 1 >$cpus/cpu3/online
quietbench restore >/tmp/restore.out 2>&1
is "online again: restore ends well" "$?" 0
sed 's/^/# /' /tmp/restore.out
is "online again: a thread has all its CPUs" "$(mask "$sleeper")" "$all"
[ -z "${born:-}" ] || is "online again: so has one that was born meanwhile" "$(mask "$born")" "$all"
is "online again: and process 1" "$(mask 1)" "$all"
quietbench status >/tmp/status.out 2>&1
is "online again: nothing is owed any more" "$? $(cat /tmp/status.out)" "3 not conditioned"
ok "online again: all is as before" all_back

# ---- a CPU of which settings are not back goes offline during the run ----
off() { echo 0 >$cpus/cpu5/online; }
with_rival off
is "gone offline: the status is the command's" "$ended" 0
sed 's/^/# /' /tmp/run.err
is "gone offline: no failures" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
ok "gone offline: its policy is owed" says 'frequency.governor policy5.*: all CPUs of policy5 are offline' /tmp/run.err
echo 1 >$cpus/cpu5/online
quietbench restore >/tmp/restore.out 2>&1
is "gone offline: restore ends well" "$?" 0
sed 's/^/# /' /tmp/restore.out
ok "gone offline: all is as before" all_back

# ---- somebody has chosen the very mask that a thread was left with which is owed another ----
oddthreads e0 >/tmp/wide.out &
wide=$!
taskset 60 sleep 3593 &
chosen=$!
within 20 grep -q ready /tmp/wide.out
before
options="-s cpus.isolation=affinity -c 7"
with_rival off
options=""
is "a mask of its own: the status is the command's" "$ended" 0
echo 1 >$cpus/cpu5/online
quietbench restore >/tmp/restore.out 2>&1
is "a mask of its own: restore ends well" "$?" 0
sed 's/^/# /' /tmp/restore.out
is "a mask of its own: it keeps it" "$(mask "$chosen")" 60
ok "a mask of its own: all is as before" all_back
kill "$wide" "$chosen"

# ---- a rival cpuset takes one of the benchmark's CPUs, or makes a partition of another ----
overlap() {
	quiet=$(cat $root/quietbench/cpuset.cpus)
	mkdir $root/rival
	echo +cpuset >$root/cgroup.subtree_control
	echo "${quiet%%[,-]*}" >$root/rival/cpuset.cpus 2>/dev/null # Linux 5.10 refuses that
	taken=$(cat $root/rival/cpuset.cpus)
	cat $root/quietbench/cpuset.cpus.partition >/tmp/partition
	quietbench status >/tmp/status.out 2>&1
	drifted=$?
}
with_rival overlap
if grep -q invalid /tmp/partition; then
	is "a rival: status sees it" "$drifted" 1
	ok "a rival: and names it" says '^  cpus.isolation  partition .* → .* invalid' /tmp/status.out
fi
rmdir $root/rival
is "a rival: the status is the command's" "$ended" 0
sed 's/^/# /' /tmp/run.err
is "a rival: neither conflicts nor failures" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
is "a rival: but for the controller that it uses nothing is owed" "$(jq -r '.restore.owed[]' /tmp/record | cut -d: -f1)" "${taken:+cpus.isolation controller}"
quietbench restore >/tmp/restore.out 2>&1
ok "a rival: all masks are back" all_back

partition() {
	quiet=$(cat $root/quietbench/cpuset.cpus)
	mkdir $root/rival
	echo 4 >$root/rival/cpuset.cpus
	echo root >$root/rival/cpuset.cpus.partition
}
with_rival partition
is "a rival's partition: the status is the command's" "$ended" 0
sed 's/^/# /' /tmp/run.err
is "a rival's partition: no failures" "$(jq -c '.restore | [.complete, .failures]' /tmp/record)" '[true,[]]'
quietbench restore >/tmp/restore.out 2>&1
is "a rival's partition: restore does not fail" "$?" 0
echo member >$root/rival/cpuset.cpus.partition
rmdir $root/rival
quietbench restore >/tmp/restore.out 2>&1
is "a rival's partition, gone: restore ends well" "$?" 0
sed 's/^/# /' /tmp/restore.out
quietbench status >/tmp/status.out 2>&1
is "a rival's partition, gone: nothing is owed any more" "$? $(cat /tmp/status.out)" "3 not conditioned"
is "a rival's partition, gone: a thread has all its CPUs" "$(mask "$sleeper")" "$all"
stop_odd

# ---- the wall clock is set while the host is conditioned ----
quietbench apply -p default --for 1h >/tmp/apply.out 2>&1
date -s '2040-01-01 12:00:00' >/dev/null
ok "the clock is set: what is left is what it was" told 'apply    until 2040-01-01 1[23]:[0-9:]*, in [56][0-9] min'
ok "the clock is set: since when, too" told ', since 2040-01-01 1[12]:[0-9:]*, [0-9]* s ago'
quietbench restore >/tmp/restore.out 2>&1
is "the clock is set: restored" "$?" 0

# ---- somebody's own partition, since before the run: what it took from everybody is theirs again when it ends ----
mkdir $root/rival
echo +cpuset >$root/cgroup.subtree_control
echo 7 >$root/rival/cpuset.cpus
echo root >$root/rival/cpuset.cpus.partition
sleep 3592 &
narrow=$!
kept=$(mask "$narrow")
ok "a partition from before: it has its CPU for itself" [ "$kept" != "$all" ]
run -s cpus.isolation=affinity -- true
is "a partition from before: the status is the command's" "$?" 0
is "a partition from before: a thread has what it had" "$(mask "$narrow")" "$kept"
echo member >$root/rival/cpuset.cpus.partition
rmdir $root/rival
echo -cpuset >$root/cgroup.subtree_control
is "a partition from before: and all its CPUs when that has ended" "$(mask "$narrow")" "$all"
done_testing
