#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What systemd's DevicePolicy= and IPAddressDeny= of a unit enforce its runs are not free of.
. "$(dirname "$0")/lib.sh"
guest "systemd" -s 1,2,2 -t 600 guest/confined.sh
finish
