#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An arm64 kernel with two kinds of core: a conditioned benchmark seen from the inside, a measurement, the exact way back.
export QB_VM_MACHINE=biglittle
. "$(dirname "$0")/../vm/lib.sh"
# Unit tests that QEMU's user emulation has no kernel for
for unit in peer policy; do vm_file+=(-f "$vm_build/tests/unit/helper/$unit:/qb/unit/$unit"); done
guest "4 little, 4 big" -t 300 -s 2,4,1 guest/biglittle.sh
finish
