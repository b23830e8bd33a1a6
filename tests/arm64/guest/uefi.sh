# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile on an arm64 machine with ACPI: a policy per CPU by cppc_cpufreq, one boost switch, which is off at first.
. /qb/guest-lib.sh

policies=/sys/devices/system/cpu/cpufreq
echo 1 >$policies/boost
echo 1200000 >$policies/policy1/scaling_max_freq
echo ondemand >$policies/policy2/scaling_governor
start_odd
before

quietbench run -p default -v -o /tmp/record -- observe >/tmp/run.out 2>/tmp/run.err
is "status" "$?" 0
sed 's/^/# /' /tmp/run.err
look_around
mine=$policies/policy$cpus
ok "whose guest it is" says '^quietbench: default (QEMU guest)' /tmp/run.err
is "an isolated partition" "$(partition)" isolated
is "its governor" "$(shot "$mine/scaling_governor")" performance
is "boost is off" "$(shot $policies/boost)" 0
is "its clock is the nominal one" "$(shot "$mine/scaling_max_freq")" 2400000
is "and the only one" "$(shot "$mine/scaling_min_freq")" 2400000
ok "says which clock" says '^quietbench: clock fixed at 2.4 GHz (was up to 3720.755 MHz)' /tmp/run.err
is "no movable thread elsewhere may run there" "$(intruders)" ""
is "no movable interrupt may come there" "$(strays)" ""
ok "says restored" says '^quietbench: restored' /tmp/run.err
ok "the host is as before" within 10 as_before
stop_odd
done_testing
