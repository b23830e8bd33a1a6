# SPDX-License-Identifier: GPL-2.0-or-later
# Ways to privilege: root, the real sudo with the shipped sudoers, and what those are told who have none: strangers, callers in
# sandboxes, /proc that hides others, /sys that nobody may write to.
. /qb/guest-lib.sh
chmod 1777 /tmp
chmod 4755 /bin/sudo
chmod 440 /etc/sudoers /etc/sudoers.d/quietbench
before

# conditioned NAME USER OPTION...: a run of the user's, and all is as before
conditioned() {
	name=$1 user=$2
	shift 2
	rm -f /tmp/during* /tmp/record
	by "$user" "/qb/build/quietbench run --no-check -p default -o /tmp/record $* -- observe" >/tmp/qb.out 2>&1
	is "$name: status" "$?" 0
	sed 's/^/# /' /tmp/qb.out
	look_around
	is "$name: an isolated partition" "$(partition)" isolated
	is "$name: restored" "$(jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record)" '[true,[],[]]'
	is "$name: the record is the user's" "$(stat -c %U /tmp/record)" "$user"
	ok "$name: the host is as before" within 10 as_before
}
# privilege NAME PATTERN COMMAND: what doctor says of it
privilege() {
	by "$user" "$3 /qb/build/quietbench doctor" >/tmp/doctor.out 2>&1
	sed -n '/^privilege/,/^policy/p' /tmp/doctor.out | tr -s ' \n' ' ' >/tmp/qb.out
	tells "$1: doctor" "$2"
}

# ---- root; a member of the group, whom the shipped sudoers lets start the helper and nothing else ----
conditioned root root
user=root && privilege root '^privilege root '
conditioned "a member" tester
privilege "a member" '^privilege sudo, without a password'
by tester "sudo -n id" >/tmp/qb.out 2>&1
is "a member: sudo gives nothing else" "$?" 1
by tester "sudo -n /qb/build/quietbench-helper --recover" >/tmp/qb.out 2>&1
is "a member: nor the helper with arguments" "$?" 1
by tester "sudo -n /qb/build/quietbench-helper" </dev/null >/tmp/qb.out 2>&1
is "a member: nor the helper without a session" "$?" 1
is "a member: the benchmark has no privilege" "$(by tester "/qb/build/quietbench run --no-check -q -p default -- sed -n 's/^\(Uid\|CapEff\|NoNewPrivs\):.//p' /proc/self/status" | tr '\t\n' '  ')" \
	"1000 1000 1000 1000 0000000000000000 0 "

# Debian's kernels permit perf to nobody below CAP_SYS_ADMIN (perf_event_paranoid 3): the helper's watcher has it, and gives it up.
is "a member: this kernel permits no perf" "$(cat /proc/sys/kernel/perf_event_paranoid)" 3
by tester "/qb/build/quietbench run --no-check -p default -o /tmp/record -- sh -c 'cat /proc/[0-9]*/comm /proc/[0-9]*/status >/tmp/seen
	for one in /proc/[0-9]*; do echo \$(cat \$one/comm \$one/oom_score_adj); done >/tmp/scores; sleep 1'" >/tmp/qb.out 2>&1
is "a member: who ran on its CPU is seen" "$(jq -r '.runs[0].sources.switches' /tmp/record)" helper
jq -c '.runs[0].reasons' /tmp/record | sed 's/^/# /'
is "a member: whoever watches can do nothing more" \
	"$(sed -n '/^Name:.quietbench-watc/,/^NoNewPrivs/{s/^\(CapPrm\|CapEff\|CapAmb\|NoNewPrivs\):.//p}' /tmp/seen | tr '\n' ' ')" \
	"0000000000080000 0000000000080000 0000000000000000 1 "
is "a member: a shortage of memory spares who conditions, and nobody whom they start" \
	"$(grep -e ^quietbench-help -e ^quietbench-watc /tmp/scores | sort | tr '\n' ' ')" "quietbench-help -1000 quietbench-help -1000 quietbench-watc 0 "

# ---- nobody lets them ----
qb 0 "a stranger" nobody run --no-check -p default -o /tmp/record.nobody -- true
tells "a stranger" '^quietbench: NOT CONDITIONED: '
user=nobody && privilege "a stranger" 'none: not root, sudo wants a password, and there is no terminal .*to open one: .*/etc/sudoers.d/quietbench'
qb 125 "a stranger who insists" nobody run --no-check -p default --require frequency.governor -- touch /tmp/started
ok "a stranger who insists: nothing was started" [ ! -e /tmp/started ]

# A sandbox: no program gives privileges there, and sudo's file is no remedy.
by tester "setpriv --nnp /qb/build/quietbench run --no-check -p default -- true" >/tmp/qb.out 2>&1
is "no new privileges: status" "$?" 0
tells "no new privileges" '^quietbench: NOT CONDITIONED: .*no_new_privs'
user=tester && privilege "no new privileges" 'none: .*no_new_privs' "setpriv --nnp"
ok "no new privileges: doctor does not send them to sudo" sh -c '! grep -q sudoers /tmp/qb.out'

# ---- /proc shows everyone only their own processes ----
mount -o remount,hidepid=2 /proc
before
conditioned "hidepid=2" tester
by tester "/qb/build/quietbench apply -p default --for 10m" >/tmp/qb.out 2>&1
is "hidepid=2: apply" "$?" 0
for one in tester nobody; do
	qb 0 "hidepid=2: status, for $one" "$one" status
	tells "hidepid=2: status, for $one" '^conditioned'
	ok "hidepid=2: status, for $one: nothing has drifted or is left over" sh -c '! grep -q -e drifted -e "left over" /tmp/qb.out'
done
qb 0 "hidepid=2: a run joins" tester run --no-check -- true
tells "hidepid=2: a run joins" 'joined the apply of user 1000'
qb 0 "hidepid=2: restore" tester restore
mount -o remount,hidepid=0 /proc
before

# ---- a container's /sys: root there may write to nothing of it ----
# read_only PLACE... COMMAND: as root where these mounts are read-only
cat >/bin/read_only <<'EOF'
#!/bin/sh
mount --make-rprivate /
while case $1 in /*) ;; *) false ;; esac; do
	mount --bind "$1" "$1" 2>/dev/null && mount -o remount,bind,ro "$1" || exit 9
	shift
done
exec "$@"
EOF
chmod +x /bin/read_only
by root "unshare -m read_only /sys/devices /proc/sys quietbench run --no-check -p default -o /tmp/record -- true" >/tmp/qb.out 2>&1
is "read-only /sys/devices: status" "$?" 0
sed 's/^/# /' /tmp/qb.out
tells "read-only /sys/devices" 'Read-only file system'
is "read-only /sys/devices: the levers say so" "$(jq -r '[.levers[] | select(.status == "failed") | .reason | test("Read-only file system")] | unique | .[]' /tmp/record)" true
is "read-only /sys/devices: the record does not claim it all" "$(jq -r .conditioned /tmp/record)" partial
ok "read-only /sys/devices: the host is as before" within 10 as_before
by root "unshare -m read_only /sys/fs/cgroup /sys/devices /proc/sys quietbench run --no-check -p default -o /tmp/record -- true" >/tmp/qb.out 2>&1
is "read-only control groups: status" "$?" 0
tells "read-only control groups" '^quietbench: NOT CONDITIONED: .*read-only'
ok "read-only control groups: the host is as before" within 10 as_before
done_testing
