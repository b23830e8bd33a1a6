#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A conditioned benchmark seen from the inside, on a real kernel, and the exact way back.
. "$(dirname "$0")/lib.sh"
guest "2 packages" -t 300 -s 2,2,2 -n 2 guest/conditioned.sh
finish
