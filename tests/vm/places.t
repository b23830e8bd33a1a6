#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# CPUs isolated at boot and two nodes: which CPUs a run gets, and what it says of threads and memory there.
. "$(dirname "$0")/lib.sh"
guest "2 nodes, isolcpus" -t 300 -s 2,4,1 -n 2 -m 2600 -a isolcpus=4-7 guest/places.sh
finish
