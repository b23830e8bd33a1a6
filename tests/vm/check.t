#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What makes a measurement noisy at once, on a kernel where it can be done: CPUs that go, quotas. And its record.
. "$(dirname "$0")/lib.sh"
guest "4 CPUs" -t 300 -s 1,4,1 guest/check.sh
finish
