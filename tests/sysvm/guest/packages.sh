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

grub_line() { sed -n 's|^[[:space:]]*linux[[:space:]]*/[^ ]* *||p' /boot/grub/grub.cfg | head -n 1; }

ok "what it depends on" dpkg -i /qb/needs/*.deb
mkdir -p /boot/grub
cp /usr/share/grub/default/grub /etc/default/grub
: >"/boot/vmlinuz-$(uname -r)" # GRUB's tools want one to make an entry of
ok "GRUB's tools work here" update-grub
line=$(grub_line)
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

quietbench provision apply -p dohost >/tmp/apply 2>&1
is "provisioned: status" "$?" 0
ok "provisioned: GRUB has the arguments" sh -c 'grep -q isolcpus= /boot/grub/grub.cfg'
provisioned=$(grub_line)

ok "a lease" as member 'quietbench apply --for 1h -p default'
lease=$(monitor)
ok "an upgrade during it" dpkg -i /qb/second.deb
is "took place" "$(dpkg-query -W -f '${Version}' quietbench | sed 's/.*+//')" upgrade
ok "the lease goes on" lease_lives
is "what is provisioned stays" "$(grub_line)" "$provisioned"
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
echo '# changed by the administrator' >>/etc/sysctl.d/quietbench.conf
dpkg --remove quietbench >/tmp/remove.out 2>&1
is "removed during it: status" "$?" 0
sed 's/^/# /' /tmp/remove.out
is "what was provisioned is undone" "$(grub_line)" "$line"
ok "a timer is not masked any more" [ ! -L /etc/systemd/system/fstrim.timer ]
ok "what somebody changed is kept" grep -q '^kernel.timer_migration' /etc/sysctl.d/quietbench.conf
ok "and told" says 'kept: /etc/sysctl.d/quietbench.conf was changed since' /tmp/remove.out
ok "and what to do" says 'remove it by hand' /tmp/remove.out
hash -r
ok "no program of ours" sh -c '! command -v quietbench'
ok "an administrator's file stays" [ -e /etc/quietbench/policy.yaml ]
dpkg --purge quietbench >/tmp/purge.out 2>&1
is "purged: status" "$?" 0
ok "what is kept is told again" says 'quietbench: kept, for it was changed since: /etc/sysctl.d/quietbench.conf' /tmp/purge.out
rm /etc/sysctl.d/quietbench.conf
ok "every file is as before" files_as_before
# A timer that is masked before the boot fails when systemd reloads, as it does for a package: the man page says so.
failed=$(systemctl list-units --failed --plain --no-legend | sed 's/ .*//')
is "nothing failed but timers that were masked" "$(echo "$failed" | grep -v '\.timer$')" ""
# shellcheck disable=SC2086 # a list of units
[ -z "$failed" ] || systemctl restart $failed
ok "the host and every unit are as before" within 60 host_as_before
is "no process of ours" "$(pgrep -l quietbench)" ""
done_testing
