#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The default profile where systemd is process 1, from a service, a session and an ordinary user.
. "$(dirname "$0")/lib.sh"
guest "systemd" -s 1,2,2 -t 1200 guest/conditioned.sh
finish
