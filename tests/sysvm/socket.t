#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real socket activation: the shipped units (with the helper where the guest has it), an ordinary user without sudo, a
# stranger, a stopped unit, and a unit of which everything was killed.
. "$(dirname "$0")/lib.sh"
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
sed 's|@libexecdir@|/qb/build|' "$vm_top/contrib/systemd/quietbench@.service.in" >"$units/quietbench@.service"
vm_file+=(-f "$units/quietbench@.service:/etc/systemd/system/quietbench@.service")
vm_file+=(-f "$vm_top/contrib/systemd/quietbench.socket:/etc/systemd/system/quietbench.socket")
vm_file+=(-f "$vm_top/contrib/systemd/tmpfiles.conf:/etc/tmpfiles.d/quietbench.conf")
vm_file+=(-f "$vm_top/contrib/systemd/sysusers.conf:/etc/sysusers.d/quietbench.conf")
guest "systemd" -s 1,2,2 -t 600 guest/socket.sh
finish
