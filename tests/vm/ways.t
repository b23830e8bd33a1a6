#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who gets which way to privilege, and what they are told: the real sudo with the shipped sudoers, and callers whose world is
# made small. (The socket's real unit: socket.t. Its rules on a substituted host: ../cli/socket.t.)
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n' >"$work/sudoers"
sed 's|@libexecdir@|/qb/build|' "$vm_top/contrib/sudoers/quietbench.in" >"$work/quietbench"
# Accounts are none of this test's business.
printf '%s required pam_permit.so\n' auth account session >"$work/pam"
echo '127.0.0.1 localhost quietvm' >"$work/hosts"
permit=$(find /lib/*/security /usr/lib/*/security -name pam_permit.so 2>/dev/null | head -n 1)
vm_file+=(-f "$(command -v sudo):/bin/sudo" -f /usr/libexec/sudo/sudoers.so:/usr/libexec/sudo/sudoers.so -f "$permit:$permit"
	-f "$work/sudoers:/etc/sudoers" -f "$work/quietbench:/etc/sudoers.d/quietbench" -f "$work/pam:/etc/pam.d/sudo" -f "$work/hosts:/etc/hosts"
	-f "$(command -v unshare)")
guest "2 cores" -s 1,2,2 -t 300 guest/ways.sh
finish
