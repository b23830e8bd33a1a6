#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark's siblings offline for the run, and everything that hotplug loses back afterwards.
. "$(dirname "$0")/lib.sh"
guest "a clock per CPU" -s 2,2,2 -c 1 -t 300 guest/smt.sh
v1_guest "v1" -s 2,2,2 -t 300 guest/smt.sh
finish
