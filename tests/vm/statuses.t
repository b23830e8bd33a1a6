#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The exit statuses of `run` and `status`, and what of the caller's world the benchmark gets: all of it.
. "$(dirname "$0")/lib.sh"
guest "run" -s 1,2,1 -t 300 guest/statuses.sh
finish
