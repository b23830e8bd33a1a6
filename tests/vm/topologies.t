#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines of all shapes, with cgroup v2, v1 and none.
. "$(dirname "$0")/lib.sh"
guest "1 CPU" -t 300 -s 1,1,1 -a qb.expect=none guest/topology.sh
guest "2 cores" -t 300 -s 1,2,1 -a qb.expect=partition guest/topology.sh
guest "1 package, offline CPUs" -t 300 -s 1,4,2 -a qb.expect=partition guest/topology.sh
v1_guest "cgroup v1" -t 300 -s 2,2,2 -a qb.expect=shield guest/topology.sh
guest "no cgroups" -t 300 -s 2,2,2 -a "qb.cgroup=none qb.expect=affinity" guest/topology.sh
finish
