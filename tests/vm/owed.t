#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Offline CPUs, a rival's cpuset, and the wall clock; before 6.3 a kernel takes masks that it cannot give back.
. "$(dirname "$0")/lib.sh"
guest "owed" -s 2,2,2 -c 1 -t 400 guest/owed.sh
finish
