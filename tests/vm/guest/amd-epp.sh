# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile where amd-pstate is active: governor and energy preference are the driver's own, and coupled. Under `performance`
# it takes no other preference; with the governor it changes the preference itself.
. /qb/guest-lib.sh

policies=/sys/devices/system/cpu/cpufreq
set_policy() {
	echo "$2" >$policies/policy$1/scaling_governor && echo "$3" >$policies/policy$1/energy_performance_preference
}
set_policy 0 powersave balance_performance
set_policy 1 powersave power
set_policy 2 performance performance
set_policy 3 powersave balance_power
echo 1800000 >$policies/policy3/scaling_max_freq
ok "the driver couples them: no preference but its own under performance" sh -c "! echo power >$policies/policy2/energy_performance_preference 2>/dev/null"
before

# judge NAME WANTED-PREFERENCE OPTION...
judge() {
	name=$1 preference=$2
	shift 2
	rm -f /tmp/during*
	quietbench run -p default -v --no-check -o /tmp/record "$@" -- observe >/tmp/run.out 2>/tmp/run.err
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	look_around
	mine=$policies/policy$cpus
	is "$name: the preference" "$(shot "$mine/energy_performance_preference")" "$preference"
	is "$name: its clock is the nominal one" "$(shot "$mine/scaling_max_freq")" 2400000
	is "$name: and the only one" "$(shot "$mine/scaling_min_freq")" 2400000
	ok "$name: says restored" says '^quietbench: restored' /tmp/run.err
	ok "$name: the host is as before" within 10 as_before
}
judge default performance
is "default: the governor" "$(shot "$mine/scaling_governor")" performance
is "default: on every CPU" "$(for cpu in 0 1 2 3; do shot "$policies/policy$cpu/energy_performance_preference"; done | sort -u)" performance
judge "governor kept" balance_performance -c 3 -s frequency.governor=keep -s frequency.epp=balance_performance
is "governor kept: it is" "$(shot "$mine/scaling_governor")" powersave
done_testing
