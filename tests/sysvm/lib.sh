# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh: ../vm/lib.sh for guests with a whole Debian, whose scripts begin with `. /qb/debian-lib.sh`.
. "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"
vm_file+=(-d -f "$vm_scripts/guest-lib.sh:/qb/debian-lib.sh")
