# SPDX-License-Identifier: GPL-2.0-or-later
# A session of each kind through the shipped socket unit: a stranger, a member of the group, one in a sandbox, root; and a unit of
# which everything is killed. Nobody here has another way: there is no sudo.
. /qb/guest-lib.sh
chmod 1777 /tmp
by() { su "$1" -s /bin/sh -c "$2"; }
no_session() { [ -z "$(systemctl list-units --all --no-legend --no-pager 'quietbench@*')" ]; }
not_conditioned() { quietbench status >/tmp/status.out; [ $? = 3 ] || { cat /tmp/status.out; false; }; }
# judge NAME UNIT: what a run that told of its session's monitor left; UNIT: a pattern for its unit
judge() {
	is "$1: status" "$status" 0
	sed 's/^/# /' /tmp/run.err
	ok "$1: the session is in $2" says "$2" /tmp/unit
	is "$1: conditioned, and restored" "$(jq -c '[.conditioned != "none", .restore.complete, .restore.conflicts]' /tmp/record)" '[true,true,[]]'
	ok "$1: no session stays" within 30 no_session
	ok "$1: the host is as before" within 30 as_before
	rm -f /tmp/record /tmp/unit
}
# The command of a run: the unit of whoever conditioned the host for it.
cat >/bin/whose <<'EOT'
#!/bin/sh
cat "/proc/$(/qb/build/quietbench status --json | jq -r .session.monitor)/cgroup" >/tmp/unit
EOT
chmod 755 /bin/whose
run="/qb/build/quietbench run --no-check -p default"

is "systemd is process 1" "$(cat /proc/1/comm)" systemd
ok "the socket listens" systemctl start quietbench.socket
is "the socket is the group's" "$(stat -c '%U %G %a' /run/quietbench.socket)" "root quietbench 660"
before
by nobody "$run -- true" >/tmp/run.err 2>&1
ok "a stranger runs without" says 'NOT CONDITIONED: ' /tmp/run.err

by tester "$run -o /tmp/record -- whose" >/dev/null 2>/tmp/run.err
status=$?
judge "a member" 'quietbench@.*\.service$'

cat >/run/systemd/system/sandboxed.service <<EOT
[Service]
Type=oneshot
User=tester
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateDevices=yes
DevicePolicy=closed
RestrictNamespaces=yes
MemoryMax=256M
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
ReadWritePaths=/tmp
StandardOutput=null
StandardError=file:/tmp/run.err
ExecStart=$run -o /tmp/record -- whose
EOT
rm -f /tmp/run.err
systemctl start sandboxed.service
status=$?
judge "a sandboxed member" 'quietbench@.*\.service$'

$run -o /tmp/record -- whose >/dev/null 2>/tmp/run.err
status=$?
judge "root" '^0::/$'

by tester "$run -- sh -c 'whose; until [ -e /tmp/go ]; do sleep 0.1; done'" >/dev/null 2>/tmp/run.err &
client=$!
ok "killed: the benchmark started" within 60 [ -s /tmp/unit ]
kill -9 $(cat "/sys/fs/cgroup/$(sed -n 's/^0:://p' /tmp/unit)/cgroup.procs")
ok "killed: the unit's end recovers" within 30 not_conditioned
touch /tmp/go
wait "$client"
ok "killed: no session stays" within 30 no_session
ok "killed: the host is as before" within 30 as_before
is "nothing has failed" "$(systemctl list-units --failed --no-legend --no-pager)" ""
done_testing
