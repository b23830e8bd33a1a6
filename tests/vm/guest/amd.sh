# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile where the clock is amd-pstate's: a policy per CPU, one boost switch, 0.4 to 3.731 GHz of which 2.4 are nominal.
. /qb/guest-lib.sh

policies=/sys/devices/system/cpu/cpufreq
echo 2000000 >$policies/policy1/scaling_max_freq
echo conservative >$policies/policy2/scaling_governor
before

quietbench run -p default -v --no-check -o /tmp/record -- observe >/tmp/run.out 2>/tmp/run.err
is "status" "$?" 0
sed 's/^/# /' /tmp/run.err
look_around
mine=$policies/policy$cpus
is "its driver" "$(cat "$mine/scaling_driver")" amd-pstate
is "its governor" "$(shot "$mine/scaling_governor")" performance
is "boost is off" "$(shot $policies/boost)" 0
is "its clock is the nominal one" "$(shot "$mine/scaling_max_freq")" 2400000
is "and the only one" "$(shot "$mine/scaling_min_freq")" 2400000
ok "says which clock" says '^quietbench: clock fixed at 2.4 GHz (was up to 3.731 GHz)' /tmp/run.err
is "the record tells of boost" "$(jq -r '.levers[] | select(.lever == "frequency.turbo" and .status == "applied") | .before + .after' /tmp/record)" 10
ok "says restored" says '^quietbench: restored' /tmp/run.err
ok "the host is as before" within 10 as_before

# Without the switch, too: then 2.4 GHz are less than what the driver would give.
quietbench run -p default --no-check -s frequency.turbo=keep -- observe 2>/tmp/run.err
is "turbo kept: status" "$?" 0
look_around
is "turbo kept: boost is as it was" "$(shot $policies/boost)" 1
is "turbo kept: its clock is the nominal one" "$(shot "$policies/policy$cpus/scaling_max_freq")" 2400000
ok "turbo kept: the host is as before" within 10 as_before

done_testing
