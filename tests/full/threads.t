#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every mask after a session is what it was, or its ancestor's, whatever threads do meanwhile.
. "$(dirname "$0")/../vm/lib.sh"
tool=$(vm_tool storm "$vm_here/storm.c")
rounds=${QB_FULL:+3} # a race that is lost now and then shows sooner
storm=(-s 2,2,2 -t 400 -a "qb.rounds=${rounds:-1}" -f "$tool")
guest "partition" "${storm[@]}" -a qb.way=partition ../vm/guest/threads.sh
guest "affinity" "${storm[@]}" -a qb.way=affinity ../vm/guest/threads.sh
v1_guest "shield" "${storm[@]}" -a qb.way=shield ../vm/guest/threads.sh
finish
