#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The shipped socket unit under a real systemd, in short: this machine's own systemd is process 1 of the guest, and there is nothing
# else, not even a bus. The whole of it, in a whole Debian: ../sysvm/socket.t.
. "$(dirname "$0")/lib.sh"
systemd=$(readlink -f /lib/systemd/systemd)
[ -x "$systemd" ] || {
	echo "1..0 # SKIP needs the program of systemd: run make deps-check"
	exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed 's|@libexecdir@|/qb/build|' "$vm_top/contrib/systemd/quietbench@.service.in" >"$work/quietbench@.service"
vm_file+=(-f "$systemd:/lib/systemd/systemd" -f "$(command -v systemctl):/bin/systemctl" -f "$vm_here/payload.service:/etc/systemd/system/payload.service"
	-f "$work/quietbench@.service:/etc/systemd/system/quietbench@.service" -f "$vm_top/contrib/systemd/quietbench.socket:/etc/systemd/system/quietbench.socket")
for target in sysinit basic sockets shutdown; do # what units with the default dependencies need
	vm_file+=(-f "/lib/systemd/system/$target.target:/lib/systemd/system/$target.target")
done
guest "systemd" -s 1,2,1 -a systemd.unit=payload.service -t 400 guest/socket.sh
finish
