#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# quietbench provision where GRUB's own tools make the kernel's command line: applied, booted with what they generated,
# verified, a run, undone, booted again, and nothing is left. QEMU hands the kernel what the boot loader would.
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp --sparse=always "$("$vm_scripts/prepare")" "$work/disk"
chmod 600 "$work/disk"

# vm_boot_again NAME [OPTION...]: a guest on that disk; sets command_line to what GRUB has for the next boot
vm_boot_again() {
	guest "$@" -D "$work/disk" -s 1,2,2 -t 900 guest/provision.sh >"$work/log"
	cat "$work/log"
	command_line=$(sed -n 's/^# GRUB boots with: //p' "$work/log")
}
vm_boot_again "before"
vm_boot_again "provisioned" -a "$command_line"
vm_boot_again "undone" -a "$command_line"
finish
