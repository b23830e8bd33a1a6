#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The soak: random sessions, rivals and blows on real kernels, and the whole host compared after each (guest/soak.sh).
# SOAK_SECONDS=N: how long (60). It says with which seed; SOAK_SEED=S repeats one, SOAK_STEP=N a single step of it.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$(vm_tool sudo "$vm_here/sudo.c")" -f "$(vm_tool storm "$vm_here/storm.c")")
seconds=${SOAK_SECONDS:-60}
# A change is held against the same minute as the one before; make soak draws a seed.
seed=${SOAK_SEED:-$([ -z "${SOAK_SECONDS-}" ] && echo 20261130 || echo $((RANDOM * 32768 + RANDOM)))}
first=1 last=1000000
[ -z "${SOAK_STEP:-}" ] || first=$SOAK_STEP last=$SOAK_STEP

# One guest after another, for ten minutes at most each; every one has a seed of its own, and another machine.
machines=("-k 6.1 -s 1,4,1" "-k 6.12 -s 1,4,1" "-k 5.10 -s 1,2,2" "-k 6.1 -s 2,2,1 -a qb.cgroup=v1" "-k 6.1 -s 1,4,2")
began=$SECONDS
for ((n = 0; SECONDS - began < seconds; n++)); do
	left=$((seconds - (SECONDS - began)))
	[ "$left" -lt 600 ] || left=600
	# shellcheck disable=SC2206 # words
	machine=(${machines[$(((seed + n) % ${#machines[@]}))]})
	guest "seed $((seed + n)) (${machine[*]})" "${machine[@]}" -t $((left + 200)) \
		-a "qb.seed=$((seed + n)) qb.first=$first qb.last=$last qb.seconds=$left" guest/soak.sh
	[ -z "${SOAK_STEP:-}" ] || break
done
finish
