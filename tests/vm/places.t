#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Isolated CPUs, two nodes, and a command that goes elsewhere: what a run says of work that it could not watch.
. "$(dirname "$0")/lib.sh"
guest "2 nodes, isolcpus" -t 300 -s 2,4,1 -n 2 -m 2600 -a isolcpus=4-7 guest/places.sh
finish
