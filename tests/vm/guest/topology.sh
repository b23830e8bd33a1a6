# SPDX-License-Identifier: GPL-2.0-or-later
# One machine shape: a sensible choice of CPUs, conditioned, and the exact way back. qb.expect=KIND on the kernel's
# command line says what isolation must come about: partition, shield, affinity or none.
. /qb/guest-lib.sh
expected=$(sed -n 's/.*qb\.expect=\([a-z]*\).*/\1/p' /proc/cmdline)
# shellcheck disable=SC2154 # guest-lib.sh
[ "$expected" != partition ] || expected=$alone
[ "$(nproc)" -lt 8 ] || start_odd

# isolation: what came about, as the host shows it
isolation() {
	found=$(partition)
	if [ "$found" != none ]; then
		echo "$found"
	elif grep -q '^[0-9]*:cpuset:/.' /tmp/during.cgroup; then
		echo shield
	elif [ "$own" != "$online" ] && [ -z "$(intruders 2)" ]; then
		echo affinity
	else
		echo none
	fi
}

# judge NAME OPTIONS...
judge() {
	name=$1
	shift
	rm -f /tmp/during*
	before
	quietbench run --no-check -p default -o /tmp/record "$@" -- observe >/tmp/run.out 2>/tmp/run.err
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	look_around
	set_of "$(cat /sys/devices/system/cpu/online)"
	online=$set
	is "$name: isolation" "$(isolation)" "$expected"
	case $expected in none) ;; *)
		is "$name: no movable thread elsewhere may run on its cores (but PID 1 and kthreadd)" "$(intruders 2)" ""
		is "$name: the boot CPU is for housekeeping" $((own & 1)) 0
		;;
	esac
	is "$name: only online CPUs" $((own & ~online)) 0
	is "$name: its siblings and no others idle" "$(words "$(jq -r .cpus.reserved /tmp/record)")" "$(members $((quiet & ~own)))"
	is "$name: the kernel's own workers are where they were" "$(workers)" ""
	is "$name: boost is off" "$(shot /sys/devices/system/cpu/cpufreq/boost)" 0
	ok "$name: the host is as before" within 10 as_before "/run/quietbench/conflicts*" # (offline CPUs are owed to every thread before Linux 6.3)
}

# drawn NAME WHAT: the commands that only look; topology counts the cores right
drawn() {
	quietbench topology >/tmp/topology.out 2>&1
	is "$1: topology draws it" "$?" 0
	ok "$1: topology counts $2" says "$2" /tmp/topology.out
	ok "$1: plan explains it" quietbench plan
	ok "$1: doctor explains it" quietbench doctor
}

judge "as it is"
if [ "$(nproc)" = 8 ]; then
	# siblings that are odd to have: a core with one CPU, and a hole where a whole core was
	echo 0 >/sys/devices/system/cpu/cpu5/online
	echo 0 >/sys/devices/system/cpu/cpu2/online
	echo 0 >/sys/devices/system/cpu/cpu3/online
	[ "$expected" != "$alone" ] || judge "CPUs 2, 3, 5 offline"
	drawn "CPUs 2, 3, 5 offline" "3 cores, 5 CPUs"
	judge "CPUs 2, 3, 5 offline, CPU 4 wanted" -c 4
	is "CPUs 2, 3, 5 offline, CPU 4 wanted: got" "$cpus" 4
	is "CPUs 2, 3, 5 offline: nothing came back" "$(cat /sys/devices/system/cpu/online)" 0-1,4,6-7
	quietbench run --no-check -p default -c 2 -- true 2>/tmp/run.err
	is "an offline CPU is not available" "$?" 125
else
	drawn "as it is" "$(nproc) CPUs\?"
fi
done_testing
