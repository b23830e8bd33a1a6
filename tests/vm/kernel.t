#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The levers of the kernel's own work and of memory on a real kernel, which couples many of them, and the exact way back.
. "$(dirname "$0")/lib.sh"
guest "kernel and memory" -t 300 -s 1,2,2 -n 2 guest/kernel.sh
finish
