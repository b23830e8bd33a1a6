# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever is killed while one service is frozen and others are stopped: all come back, what was frozen first.
. /qb/debian-lib.sh

# A service that writes down, before it is active, whether cron is frozen
cat >/etc/systemd/system/second.service <<'UNIT'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'systemctl show -p FreezerState --value cron.service >/tmp/cron.then'
UNIT
systemctl daemon-reload && systemctl start second.service
options="-p default -s irqs.irqbalance=stop -s services.stop=[second.service,fstrim.timer] -s services.freeze=[cron.service]"

processes() { grep -l "^$1" /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3; }
parent() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }
four() { echo "$(states cron.service), $(states second.service), $(states fstrim.timer), $(states irqbalance.service)"; }
gone_quiet="active frozen, inactive running, inactive running, inactive running"

# begin NAME: a run whose benchmark sleeps; sets client, guardian, monitor, benchmark
begin() {
	rm -f /tmp/benchmark /tmp/cron.then
	# shellcheck disable=SC2086 # a list of options
	quietbench run --no-check $options -- sh -c 'echo $$ >/tmp/benchmark; exec sleep 3600' 2>/tmp/run.err &
	client=$!
	within 300 [ -s /tmp/benchmark ] || { fail "$1: the benchmark started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/benchmark)
	guardian="" monitor=""
	for one in $(processes quietbench-h); do
		case $(cat "/proc/$(parent "$one")/comm") in quietbench-h*) monitor=$one ;; *) guardian=$one ;; esac
	done
	is "$1: a guardian and a monitor" "${guardian:+guardian} ${monitor:+monitor}" "guardian monitor"
	is "$1: frozen, and stopped" "$(four)" "$gone_quiet"
}
back() {
	ok "$1: the benchmark has ended" within 20 gone "$benchmark"
	ok "$1: the host and every unit are as before" within 120 host_as_before
	is "$1: cron was thawed before others were started" "$(cat /tmp/cron.then)" running
	is "$1: no helper is left" "$(processes quietbench)" ""
	quietbench status >/tmp/status.out 2>&1
	is "$1: status afterwards" "$?" 3
}

host_before
begin "client killed"
kill -KILL "$client"
wait "$client"
back "client killed"

begin "monitor killed"
kill -KILL "$monitor"
ok "monitor killed: the guardian restores the host" within 120 host_as_before 'process/*'
kill -TERM "$benchmark" 2>/dev/null
wait "$client"
back "monitor killed"

begin "all killed"
kill -KILL "$guardian" "$monitor" "$client"
wait "$client"
is "all killed: frozen, and stopped" "$(four)" "$gone_quiet"
quietbench status >/tmp/status.out 2>&1
is "all killed: status says so" "$?" 1
quietbench restore >/tmp/restore.out 2>&1
is "all killed: restore" "$?" 0
sed 's/^/# /' /tmp/restore.out
back "all killed"

# ---- runs in a row: systemd is asked for one scope, which all are born in ----
cat >/bin/turn <<'X'
#!/bin/sh
sed -n 's/^0:://p' /proc/self/cgroup >>/tmp/turns
echo $$ >/tmp/benchmark
[ ! -e /tmp/stay ] || exec sleep 3600
X
chmod +x /bin/turn
rm -f /tmp/turns /tmp/cron.then
# shellcheck disable=SC2086 # a list of options
quietbench run --no-check -r 3 -w 0 $options -- turn >/tmp/run.err 2>&1
is "runs in a row: status" "$?" 0
sed 's/^/# /' /tmp/run.err
is "runs in a row: all in one scope" "$(sort -u /tmp/turns | grep -c '/quietbench-run-[0-9]*\.scope$') of $(wc -l </tmp/turns)" "1 of 3"
benchmark=$(cat /tmp/benchmark)
back "runs in a row"

touch /tmp/stay
begin_row() {
	rm -f /tmp/benchmark /tmp/cron.then
	# shellcheck disable=SC2086 # a list of options
	quietbench run --no-check -r 3 -w 0 $options -- turn 2>/tmp/run.err &
	client=$!
	within 300 [ -s /tmp/benchmark ] || { fail "$1: the first of them started" /tmp/run.err; done_testing; }
	benchmark=$(cat /tmp/benchmark)
	forker=$(processes quietbench-fork)
	ok "$1: it is in the forker's scope" grep -q "/quietbench-run-$forker\.scope\$" "/proc/$benchmark/cgroup"
}
begin_row "runs in a row, client killed"
kill -KILL "$client"
wait "$client"
back "runs in a row, client killed"

begin_row "runs in a row, forker stopped, helper asked to end, client killed"
kill -STOP "$forker"
kill -TERM "$(parent "$(quietbench status --json | jq -r .session.monitor)")"
ok "runs in a row, helper asked to end: the host is restored" within 120 host_as_before 'process/*'
ok "runs in a row, helper asked to end: the command goes on" kill -0 "$benchmark"
kill -KILL "$client"
wait "$client"
back "runs in a row, forker stopped, helper asked to end, client killed"
done_testing
