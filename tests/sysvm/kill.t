#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL while units are frozen and stopped.
. "$(dirname "$0")/lib.sh"
guest "systemd" -s 1,2,2 -t 1200 guest/kill.sh
finish
