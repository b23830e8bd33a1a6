#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Units stopped, frozen and inhibited during a run, and rivals who want them.
. "$(dirname "$0")/lib.sh"
guest "systemd" -s 1,2,2 -t 1200 guest/services.sh
finish
