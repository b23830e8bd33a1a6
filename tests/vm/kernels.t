#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One conditioned run on the other kernels; `make check-full` runs all of tests/vm on them.
. "$(dirname "$0")/lib.sh"
guest "5.10" -k 5.10 -t 300 -s 1,2,2 -a qb.expect=partition guest/topology.sh
guest "6.12" -k 6.12 -t 300 -s 1,2,2 -a qb.expect=partition guest/topology.sh
finish
