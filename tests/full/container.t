#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of contrib/ci/README.md, in containers that podman makes of this machine's own files: what a container lets quietbench do,
# and which flag changes that.
. "$(dirname "$0")/../cli/lib.sh"
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP podman without privilege needs a set-up of its own"
	exit
fi
# container FLAGS COMMAND...: in a container with these flags. No group of its own is made, for that takes this machine's cgroups to be
# v2 alone; crun wants to see no other. Its limits are ours: it may be that they cannot be raised here.
container() {
	flags=$1
	shift
	unshare -m sh -c '
		tmp=$1 flags=$2
		shift 2
		if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
			umount -R -l /sys/fs/cgroup
			mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 99
		fi
		exec podman --root "$tmp/podman" --runroot "$tmp/podman.run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none \
			run --rm --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 -v "$tmp:$tmp" \
			$flags --rootfs /:O "$@"' container "$tmp" "$flags" "$@"
}
mkdir -m 777 "$tmp/record"
cp "$build/report.html" "$tmp/build"
# inside FLAGS [OPTION...]: a run in it; its record is in $tmp/record/run.json, what the benchmark saw of itself in $out
inside() {
	flags=$1
	shift
	rm -f "$tmp/record/run.json"
	container "$flags" "$qb" run --no-check -o "$tmp/record/run.json" "$@" -- \
		sh -c 'chrt -p $$; echo personality $(cat /proc/self/personality); grep Cpus_allowed_list /proc/self/status' >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
of() { jq -r --arg lever "$1" '[.levers[] | select(.lever == $lever) | .status] | unique | join(" ")' "$tmp/record/run.json"; }
host_levers() { jq -r '[.levers[] | select(.lever | startswith("process.") | not) | .status] | map(select(. == "applied")) | length' "$tmp/record/run.json"; }
source_of_switches() { jq -r '.runs[0].sources.switches' "$tmp/record/run.json"; }

inside "" -s process.aslr=false
is "nothing given: status" "$status" 0
[ "$status" = 0 ] || sed 's/^/# /' "$tmp/err"
like "nothing given: says that the host is not conditioned" "$err" '^quietbench: NOT CONDITIONED: this is a container'
is "nothing given: no lever of the host" "$(host_levers)" 0
is "nothing given: the benchmark is pinned" "$(of process.pin)" applied
like "nothing given: and is so" "$out" 'Cpus_allowed_list:[[:space:]]*[0-9]+$'
like "nothing given: the engine refuses ASLR" "$err" 'process.aslr: cannot be set to false'
like "nothing given: so it stays" "$out" 'personality 00000000'
is "nothing given: accounts of CPU time tell who ran" "$(source_of_switches)" ticks
inside "--security-opt seccomp=unconfined" -s process.aslr=false
is "without the engine's filter: status" "$status" 0
like "without the engine's filter: ASLR is off" "$out" 'personality 00040000'

inside "" -s process.policy=fifo
is "nothing given: fifo: status" "$status" 0
like "nothing given: fifo is refused" "$err" 'process.policy: '
like "nothing given: so it has no priority" "$out" 'SCHED_OTHER'
inside "--cap-add SYS_NICE" -s process.policy=fifo
is "SYS_NICE: status" "$status" 0
like "SYS_NICE: fifo" "$out" 'SCHED_FIFO'

inside "--cap-add PERFMON"
is "PERFMON: status" "$status" 0
is "PERFMON: changes nothing" "$(source_of_switches) $(of process.pin)" "ticks applied"

inside "--user 4242 --security-opt proc-opts=hidepid=2"
is "a user who sees only their own processes: status" "$status" 0
is "a user who sees only their own processes: as with nothing given" "$(source_of_switches) $(of process.pin)" "ticks applied"

inside "--privileged" -s process.aslr=false -s process.policy=fifo
is "privileged: status" "$status" 0
like "privileged: the host is not conditioned either" "$err" '^quietbench: NOT CONDITIONED: this is a container'
is "privileged: no lever of the host" "$(host_levers)" 0
like "privileged: fifo" "$out" 'SCHED_FIFO'
like "privileged: ASLR is off" "$out" 'personality 00040000'

# The other commands
container "" "$qb" check --duration 1s --json >"$tmp/check.json" 2>"$tmp/err"
status=$?
ok "check: status" [ $status -le 1 ]
ok "check: has a verdict" jq -e '.verdict | IN("quiet", "noisy", "undecided")' "$tmp/check.json"
container "" "$qb" compare --no-check -q -r 6 -o "$tmp/record/compare.json" true 'sleep 0.1' >"$tmp/out" 2>"$tmp/err"
is "compare: status" "$?" 0
like "compare: tells" "$(cat "$tmp/out")" '^(B is .* than A|no difference|undecided)'
container "" "$qb" report "$tmp/record/compare.json" -o "$tmp/record/report.html" >"$tmp/out" 2>&1
is "report: status" "$?" 0
for what in apply 'provision apply'; do
	# shellcheck disable=SC2086 # two words
	container "--privileged" "$qb" $what >"$tmp/out" 2>&1
	is "$what: status" "$?" 1
	like "$what: says why not" "$(cat "$tmp/out")" 'this is a container'
done
finish
