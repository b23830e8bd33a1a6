# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# guest-lib.sh: TAP and the judges that guest scripts share; sourced under busybox sh, or Debian's, in the VM, by root.
export PATH="/qb/build:$PATH"
tests=0
failed=0

pass() {
	tests=$((tests + 1))
	echo "ok $tests - $1"
}

# fail TEXT [FILE...]: and show what the files hold
fail() {
	tests=$((tests + 1))
	failed=$((failed + 1))
	echo "not ok $tests - $1"
	shift
	for shown; do
		sed "s|^|#   |" "$shown"
	done
}

# ok TEXT COMMAND...: passes if COMMAND succeeds; shows its output if not
ok() {
	ok_text=$1
	shift
	if "$@" >/tmp/ok.out 2>&1; then pass "$ok_text"; else fail "$ok_text" /tmp/ok.out; fi
}

# is TEXT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >/tmp/is.out
		fail "$1" /tmp/is.out
	fi
}

# The helper's filter of system calls: what it forbids ends as a line in the kernel's log.
done_testing() {
	is "the filter of system calls lacks none" "$(dmesg | grep -e 'type=1326.*quietbench' | grep -o 'comm=.*')" ""
	echo "1..$tests"
	exit 0 # the failed tests speak for themselves
}

# within SECONDS COMMAND...: repeats COMMAND until it succeeds; shows the last output if it never does
within() {
	within_end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@" >/tmp/within.out 2>&1; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$within_end" ] || { cat /tmp/within.out; return 1; }
		sleep 0.2
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }
says() { grep -q -e "$1" "$2" || { cat "$2"; false; }; }

# CPU sets are numbers here, one bit per CPU (no test has more than 32), because a fork costs 10 ms under TCG:
# set_of LIST: sets `set` to a kernel CPU list ("0-1,4") or to a list of words; members SET: its members as words
set_of() {
	set=0
	for range in $(IFS=,; echo $1); do
		member=${range%-*}
		while [ "$member" -le "${range#*-}" ]; do
			set=$((set | 1 << member))
			member=$((member + 1))
		done
	done
}
members() {
	member=0
	while [ "$(($1 >> member))" != 0 ]; do
		[ "$(($1 >> member & 1))" = 0 ] || printf '%d ' "$member"
		member=$((member + 1))
	done
}
words() { set_of "$1" && members "$set"; }

# Linux before 6.1 has no `isolated` partitions, and any other would move the kernel's own workers for good: masks isolate
case $(uname -r) in 5.*) alone=affinity ;; *) alone=isolated ;; esac
# workers: the kernel's workers of one CPU that are not bound to it (an offline one's never are)
workers() {
	for proc in /proc/[0-9]*; do
		read -r comm <"$proc/comm" 2>/dev/null || continue
		case $comm in kworker/[0-9]*) ;; *) continue ;; esac
		cpu=${comm#kworker/} cpu=${cpu%%:*}
		[ "$(cat "/sys/devices/system/cpu/cpu$cpu/online" 2>/dev/null)" != 0 ] || continue
		mask=$(sed -n 's/^Cpus_allowed:\t//p' "$proc/status" 2>/dev/null)
		[ -z "$mask" ] || [ $((0x${mask##*,})) = $((1 << cpu)) ] || echo "$comm may run on $mask"
	done
}

# The host as it is now, and the judgement that it is again as it was. The lock and its queue may stay.
before() { hostshot >/tmp/before; }
as_before() { hostshot >/tmp/after && hostshot --compare /tmp/before /tmp/after '/run/quietbench/lock*' '/run/quietbench/queue*' '/run/quietbench/claims*' "$@"; }
# shot PATH [SHOT]: a value out of a shot (during, by default)
shot() { sed -n "s|^$1 ||p" "${2:-/tmp/during}"; }

# start_odd [MASK...]: a few processes and threads that no kernel would give these affinities, by default on the CPUs of
# an 8-CPU machine (d7 is all but 3 and 5, which the tests take offline)
start_odd() {
	[ $# != 0 ] || set -- 05 0a c0 81 d7
	oddthreads "$@" >/tmp/odd.out &
	odd_threads=$!
	taskset 12 sleep 3600 &
	odd_process=$!
	sleep 3600 &
	odd_nice=$!
	renice 5 -p "$odd_nice"
	within 20 grep -q ready /tmp/odd.out
}
stop_odd() {
	kill "$odd_threads" "$odd_process" "$odd_nice"
	wait "$odd_threads" "$odd_process" "$odd_nice" 2>/dev/null
}

# What the benchmark of these tests does: looks around from the inside, then runs its arguments
cat >/bin/observe <<'OBSERVE'
#!/bin/sh
hostshot >/tmp/during.new
sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status >/tmp/during.cpus
cut -d' ' -f2 /proc/self/numa_maps | sort -u >/tmp/during.mems
cat /proc/self/cgroup >/tmp/during.cgroup
# threads that could be moved (no PF_NO_SETAFFINITY) and are neither this process nor its children: "TID NAME LIST"
ls -d /proc/[0-9]*/task/[0-9]* >/tmp/during.tasks
awk -v self=$$ '
	function text(file,   line, all) { while ((getline line <file) > 0) all = all line " "; close(file); return all }
	{
		stat = text($1 "/stat"); status = text($1 "/status")
		tid = stat; sub(/ .*/, "", tid)
		name = stat; sub(/^[^(]*\(/, "", name); sub(/\)[^)]*$/, "", name); gsub(/ /, "_", name)
		rest = stat; sub(/^.*\) /, "", rest); split(rest, field, " ") # field 3 (state) of proc(5) and on
		if (stat == "" || tid == self || field[2] == self || field[1] == "Z" || int(field[7] / 67108864) % 2) next
		sub(/.*Cpus_allowed_list:[ \t]*/, "", status); sub(/[ \t].*/, "", status)
		print tid, name, status
	}' /tmp/during.tasks >/tmp/during.movable
mv /tmp/during.new /tmp/during
[ $# = 0 ] || exec "$@"
OBSERVE
chmod +x /bin/observe

# look_around: after a run, sets `cpus` (the benchmark's, a list) and the sets `own`, `quiet` (with their siblings)
look_around() {
	cpus=$(cat /tmp/during.cpus)
	set_of "$cpus"
	own=$set quiet=0
	for cpu in $(members "$own"); do
		set_of "$(cat "/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list")"
		quiet=$((quiet | set))
	done
}
# partition: the kind of the nearest cgroup above the benchmark that is one
partition() {
	folder=/sys/fs/cgroup$(sed -n 's/^0:://p' /tmp/during.cgroup)
	while [ "$folder" != /sys/fs/cgroup ] && [ "$folder" != / ]; do
		kind=$(shot "$folder/cpuset.cpus.partition")
		case $kind in member | '') folder=$(dirname "$folder") ;; *) echo "$kind" && return ;; esac
	done
	echo none
}
# intruders [EXEMPT]: movable threads outside the benchmark that may run on its cores, but those up to EXEMPT
intruders() {
	while read -r tid name list; do
		set_of "$list"
		[ "$tid" -le "${1:-0}" ] || [ $((set & quiet)) = 0 ] || echo "$tid $name may run on $list"
	done </tmp/during.movable
}
# strays: interrupts in use whose mask still holds a quiet CPU and that are neither kernel-managed (an NVMe queue is) nor every
# CPU's own (no CPU is in the effective mask of such a one)
strays() {
	for action in /proc/irq/[0-9]*/*/; do
		case $action in */nvme0q[1-9]*) continue ;; esac
		irq=${action%/*/}
		grep -q '[1-9a-f]' "$irq/effective_affinity" || continue
		mask=$(shot "$irq/smp_affinity")
		[ $((0x$mask & quiet)) = 0 ] || echo "$action may come on $mask"
	done
}

# ---- sessions: users, what they are told, who serves them ----
# by USER COMMAND...: as that user; qb WANTED TEXT USER ARG...: quietbench as that user ends so
by() { user=$1 && shift && su "$user" -c "$*"; }
qb() {
	wanted=$1 text=$2 user=$3
	shift 3
	by "$user" "/qb/build/quietbench $*" >/tmp/qb.out 2>&1
	got=$?
	is "$text: status" "$got" "$wanted"
	[ "$got" = "$wanted" ] || sed 's/^/# /' /tmp/qb.out
}
tells() { ok "$1: says $2" says "$2" /tmp/qb.out; }
sudo_works() { chmod 4755 /bin/sudo; }
sudo_refuses() { chmod 755 /bin/sudo; }
monitor() { quietbench status --json | jq -r .session.monitor; }
parent() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }
group() { sed -n 's/^0:://p; s/^[0-9]*:cpuset:\(.*\)$/\1/p' "/proc/$1/cgroup" | head -n 1; }
list() { sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"; }
quiet_again() {
	ok "$1: the host is as before" within 20 as_before
	quietbench status >/tmp/status.out 2>&1
	is "$1: status afterwards" "$?" 3
}
