# SPDX-License-Identifier: GPL-2.0-or-later
# Services that are stopped, frozen and held off sleep for a run, through a real systemd, and a rival who starts one.
. /qb/debian-lib.sh

# judge NAME
judge() {
	[ "$ended" = 3 ] || sed 's/^/# /' /tmp/run.err
	is "$1: status" "$ended" 3
	is "$1: restored" "$(restored)" '[true,[],[]]'
	ok "$1: the host and every unit are as before" within 120 host_as_before
}
look() {
	cron=$(states cron.service) timer=$(states fstrim.timer) irqbalance=$(states irqbalance.service)
	inhibitors=$(systemd-inhibit --list --no-legend --no-pager | grep -c quietbench)
}

host_before
look
is "before" "$cron, $timer, $irqbalance, $inhibitors" "active running, active running, active running, 0"

options="-p base -s irqs.irqbalance=stop -s irqs.move=true"
with look
is "irqbalance: stopped" "$irqbalance" "inactive running"
look_around
is "irqbalance: no movable interrupt may come to the core" "$(strays)" ""
judge irqbalance

options="-p base -s services.stop=[cron.service,fstrim.timer,no-such.service]"
with look
is "stop: cron and the timer" "$cron, $timer" "inactive running, inactive running"
is "stop: what there is not" "$(of services.stop no-such.service)" unchanged
judge stop

options="-p base -s services.freeze=[cron.service]"
with look
is "freeze: cron is frozen" "$cron" "active frozen"
judge freeze

options="-p base -s services.inhibit=true"
with look
is "inhibit: one inhibitor is ours" "$inhibitors" 1
judge inhibit
look
is "inhibit: afterwards none" "$inhibitors" 0

options="-p base -s services.stop=[fstrim.timer] -s services.freeze=[cron.service]"
reload() { systemctl daemon-reload && look; }
with reload
is "daemon-reload: the timer stays away, cron frozen" "$timer, $cron" "inactive running, active frozen"
look_around
is "daemon-reload: an isolated partition" "$(cat "/sys/fs/cgroup/quietbench.slice/cpuset.cpus.partition" 2>/dev/null || partition)" isolated
judge daemon-reload

# Never without these, whoever asks; nor without what the caller lives in.
options="-p base -s services.stop=[dbus.socket,payload.service] -s services.freeze=[systemd-logind.service]"
with look
is "ourselves: refused" "$(jq -c '[.levers[] | select(.lever | startswith("services.")) | .status] | unique' /tmp/record)" '["refused"]'
judge ourselves

# A rival starts what was stopped, which makes it as it was; and stops what was frozen, which nobody but he may undo.
options="-p base -s services.stop=[cron.service]"
with systemctl start cron.service
judge "a rival's start"
options="-p base -s services.freeze=[cron.service]"
with systemctl stop cron.service
is "a rival's stop: the status is the command's" "$ended" 3
sed 's/^/# /' /tmp/run.err
jq -c '.restore' /tmp/record | sed 's/^/# /'
is "a rival's stop: it stands" "$(states cron.service)" "inactive running"
quietbench run --no-check -p base -- true 2>/tmp/run.err
is "a rival's stop: not in the way of the next run" "$?" 0
quietbench restore --force >/tmp/restore.out 2>&1
is "a rival's stop: restore --force has nothing to do" "$? $(states cron.service)" "0 inactive running"
systemctl start cron.service
ok "rivals: the host and every unit are as before" within 120 host_as_before
done_testing
