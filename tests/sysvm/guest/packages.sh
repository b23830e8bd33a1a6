# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's package: installed, used, upgraded during a lease, removed during one and purged.
. /qb/debian-lib.sh
groupdel quietbench # which the package makes
chmod 0 "$(command -v sudo)"
export DEBIAN_FRONTEND=noninteractive

# Every file, but what dpkg and the system write about themselves.
files() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /var/lib/systemd -o -path /qb -o -path /tmp -o \
		-path /etc/group- -o -path /etc/gshadow- -o -path /etc/ld.so.cache \) -prune -o -printf '%p %y %m %u %g %l\n' | sort
	cat /etc/group /etc/gshadow
}
files_as_before() { files >/tmp/files.after && diff /tmp/files.before /tmp/files.after; }
# irqbalance may have changed interrupts meanwhile.
lease_lives() { quietbench status >/tmp/status.out 2>&1; [ $? -le 1 ] && says 'apply  *until' /tmp/status.out; }
not_conditioned() { quietbench status >/tmp/status.out 2>&1; [ $? = 3 ] || { cat /tmp/status.out; false; }; }
monitor() { quietbench status --json | jq -r .session.monitor; }

ok "what it depends on" dpkg -i /qb/needs/*.deb
files >/tmp/files.before
host_before

ok "installed" dpkg -i /qb/first.deb
is "the socket listens, now and at the next boot" "$(systemctl is-active quietbench.socket) $(systemctl is-enabled quietbench.socket)" "active enabled"
is "it is the group's" "$(stat -c '%U %G %a' /run/quietbench.socket)" "root quietbench 660"
usermod -aG quietbench member
as member 'quietbench run --no-check -p default -- true' >/tmp/run.out 2>&1
is "a member runs: status" "$?" 0
ok "conditioned, and restored" says '^quietbench: restored' /tmp/run.out
ok "the page of a report and the profiles are found" as member 'quietbench profile show default'

ok "a lease" as member 'quietbench apply --for 1h -p default'
lease=$(monitor)
ok "an upgrade during it" dpkg -i /qb/second.deb
is "took place" "$(dpkg-query -W -f '${Version}' quietbench | sed 's/.*+//')" upgrade
ok "the lease goes on" lease_lives
is "with the helper that it began with" "$(monitor)" "$lease"
is "and the socket listens" "$(systemctl is-active quietbench.socket)" active
as member 'quietbench run --no-check -p default -- true' >/tmp/run.out 2>&1
is "a run by the new program: status" "$?" 0
ok "joins it" says 'joined' /tmp/run.out
ok "the new program ends it" as member 'quietbench restore'
ok "not conditioned any more" not_conditioned

# A run is no lease: it is not ended for a removal.
as member "quietbench run --no-check -p default -- sh -c 'touch /tmp/begun; until [ -e /tmp/go ]; do sleep 0.2; done'" >/tmp/run.out 2>&1 &
client=$!
within 60 [ -e /tmp/begun ] || fail "a run began" /tmp/run.out
dpkg --remove quietbench >/tmp/remove.out 2>&1
is "a removal during a run is refused" "$?" 1
ok "and told why" says 'quietbench is not removed, because this host could not be restored' /tmp/remove.out
sed 's/^/# /' /tmp/remove.out
touch /tmp/go
wait "$client"
is "the run did not notice" "$?" 0
is "and the socket listens" "$(systemctl is-active quietbench.socket)" active

ok "another lease" as member 'quietbench apply --for 1h -p default'
mkdir -p /etc/quietbench && echo 'version: 1' >/etc/quietbench/policy.yaml
ok "removed during it" dpkg --remove quietbench
hash -r
ok "no program of ours" sh -c '! command -v quietbench'
ok "an administrator's file stays" [ -e /etc/quietbench/policy.yaml ]
ok "purged" dpkg --purge quietbench
ok "every file is as before" files_as_before
ok "the host and every unit are as before" within 60 host_as_before
is "no process of ours" "$(pgrep -l quietbench)" ""
done_testing
