# SPDX-License-Identifier: GPL-2.0-or-later
# A unit's devices, addresses, memory and tasks: a run in it has no more, whether alone or within a lease.
. /qb/debian-lib.sh

cat >/tmp/look <<'LOOK'
head -c 1 /dev/nvme0n1 >/dev/null 2>&1 && echo device open || echo device refused
bash -c 'echo x >/dev/udp/127.0.0.1/9' 2>/dev/null && echo address open || echo address refused
LOOK
# in_unit COMMAND...: in a unit that may not
in_unit() {
	systemd-run --quiet --wait --pipe --collect --setenv=PATH="$PATH" -p DevicePolicy=closed -p IPAddressDeny=any \
		-p MemoryMax=300M -p TasksMax=60 -p CPUWeight=50 "$@"
}
# systemd turns a controller on with the first unit that needs it, and off some time after the last.
systemd-run --quiet --unit=keeper -p CPUWeight=100 sleep infinity
limits='group=/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup); cat $group/memory.max $group/pids.max $group/cpu.weight'
refused="device refused address refused 314572800 60 50 "
is "outside" "$(sh /tmp/look | tr '\n' ' ')" "device open address open "
is "the unit" "$(in_unit sh -c "sh /tmp/look; $limits" | tr '\n' ' ')" "$refused"
host_before
for isolation in partition none; do
	in_unit quietbench run --no-check -p default -s cpus.isolation=$isolation -- sh -c "sh /tmp/look; $limits" >/tmp/run.out 2>/tmp/run.err
	is "a run, $isolation" "$? $(tr '\n' ' ' </tmp/run.out)" "0 $refused"
	sed 's/^/# /' /tmp/run.err
	ok "a run, $isolation: the host and every unit are as before" within 60 host_as_before
done
quietbench apply -q -p default --for 1h
is "a lease" "$?" 0
in_unit quietbench run --no-check -- sh -c "sh /tmp/look; $limits" >/tmp/run.out 2>/tmp/run.err
is "a run that joins it" "$? $(tr '\n' ' ' </tmp/run.out)" "0 $refused"
is "another run that joins it is free of it" "$(quietbench run --no-check -- sh /tmp/look 2>/dev/null | tr '\n' ' ')" "device open address open "
quietbench restore -q
ok "a lease: the host and every unit are as before" within 60 host_as_before
done_testing
