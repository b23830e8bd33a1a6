# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile on 4 little and 4 big cores: cpufreq-dt has a policy for each kind, and lists its clocks from below.
. /qb/guest-lib.sh

for unit in /qb/unit/*; do
	ok "the unit tests of ${unit##*/}" "$unit"
done

policies=/sys/devices/system/cpu/cpufreq
echo ondemand >$policies/policy0/scaling_governor
echo 816000 >$policies/policy0/scaling_max_freq
start_odd
before

quietbench run -p default -v -o /tmp/record -- observe >/tmp/run.out 2>/tmp/run.err
is "status" "$?" 0
sed 's/^/# /' /tmp/run.err
look_around
is "a big core" "$((own >> 4 != 0 && (own & 15) == 0))" 1
is "one CPU" "$(words "$cpus" | wc -w)" 1
is "an isolated partition" "$(partition)" isolated
is "its governor" "$(shot $policies/policy4/scaling_governor)" performance
is "its clock is the highest" "$(shot $policies/policy4/scaling_max_freq)" 2208000
is "and the only one" "$(shot $policies/policy4/scaling_min_freq)" 2208000
is "no movable thread elsewhere may run there" "$(intruders)" ""
is "no movable interrupt may come there" "$(strays)" ""
ok "says which clock" says '^quietbench: clock fixed at 2.208 GHz' /tmp/run.err
# What the clock became, not what the probes saw of the CPU: QEMU's are slower whenever something else runs beside them.
ok "and that nothing is slower for it" sh -c '! grep ", slower" /tmp/run.err'
ok "says restored" says '^quietbench: restored' /tmp/run.err
ok "the host is as before" within 10 as_before

# What every CPU has for itself, although it has a number and a mask: not planned, not refused, not a device's.
# irqs STATUS: the devices of the interrupts that ended so
irqs() {
	jq -r --arg status "$1" '.levers[] | select(.lever == "irqs.move" and .status == $status) | .unit' /tmp/record | sed -n 's/^irq//p' |
		while read -r irq; do cat "/sys/kernel/irq/$irq/actions"; done | sort
}
own_irqs='^\(IPI\|arch_timer\|arm-pmu\)$'
ok "there are such interrupts" grep -q "$own_irqs" /sys/kernel/irq/*/actions
ok "others were moved" sh -c 'echo "$1" | grep -q virtio0-input' - "$(irqs applied)"
is "none of them is" "$(irqs applied | grep "$own_irqs")" ""
is "one is refused: the disk's" "$(irqs unsupported)" nvme0q8

quietbench check --quick -c 5 --json >/tmp/check.json 2>/tmp/check.err
ok "check measures" [ "$?" -le 1 ]
sed 's/^/# /' /tmp/check.err
is "the tick is the tick" "$(jq -r '[.of[].causes[] | select(.cause == "tick") | .name] | unique | join(",")' /tmp/check.json)" "timer tick"
is "no device interrupt is what every CPU has for itself" "$(jq -r '[.of[].causes[] | select(.cause == "device interrupt") | .name] | map(select(test("arch_timer|arm-pmu|IPI"))) | join(",")' /tmp/check.json)" ""
jq -c '.of[].causes[] | [.cause, .name, .share]' /tmp/check.json | sed 's/^/# /'
ok "the host is as before the check" within 10 as_before
stop_odd
done_testing
