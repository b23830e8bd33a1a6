#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What systemd does to whoever runs a benchmark, and what an administrator has told it before.
. "$(dirname "$0")/lib.sh"
guest "systemd" -s 1,2,2 -t 1200 guest/owners.sh
finish
