#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# More of arm64: a machine with UEFI and ACPI; and what tests/vm asks of x86, on big and little cores.
export QB_VM_MACHINE=biglittle
. "$(dirname "$0")/../vm/lib.sh"
vm_file+=(-f "$(vm_tool sudo "$vm_here/sudo.c")")
QB_VM_MACHINE=uefi guest "UEFI" -t 300 -s 2,4,1 ../arm64/guest/uefi.sh
for script in kill lease statuses; do
	guest "$script" -s 2,4,1 -t 600 "../vm/guest/$script.sh"
done
finish
