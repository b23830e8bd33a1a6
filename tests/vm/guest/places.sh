# SPDX-License-Identifier: GPL-2.0-or-later
# Where the work of a command went: to CPUs isolated at boot (4-7 here), or to memory that one node of two does not have.
. /qb/guest-lib.sh

judge() {
	quietbench run --no-check -p default -o /tmp/record "$@" >/tmp/run.out 2>/tmp/run.err
	status=$?
	sed 's/^/# /' /tmp/run.err
}
verdict() { jq -r '.runs[0].verdict' /tmp/record; }
spin='i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'

judge -n 2 -- sh -c "sh -c '$spin' & sh -c '$spin' & wait"
is "two CPUs: not those that were isolated" "$(jq -r .cpus.benchmark /tmp/record)" 2-3
ok "two CPUs: said at first" says 'programs will see 2 CPUs$' /tmp/run.err
ok "two CPUs: nobody waited" sh -c '! grep "shared" /tmp/run.err'
judge -c 4-5 -- sh -c "sh -c '$spin' & sh -c '$spin' & wait"
ok "two that were isolated: said before" says 'CPUs 4-5 are isolated at boot: threads stay where they start, so pin each' /tmp/run.err
ok "two that were isolated: no more of them" sh -c '! grep "try -n" /tmp/run.err'
ok "two that were isolated: threads shared one" says '2 threads shared CPUs, .* isolated at boot: .*pin each thread' /tmp/run.err
judge -- sh -c "$spin"
ok "one CPU: an isolated one" says 'benchmark on CPU [4-7]' /tmp/run.err
ok "one CPU: more can be asked for" says 'programs will see 1 CPU (-n for more)$' /tmp/run.err
ok "one CPU: its work was seen" sh -c '! grep "elsewhere\|on other CPUs" /tmp/run.err'

judge -s cpus.isolation=affinity -- sh -c "echo \$\$ >/sys/fs/cgroup/cgroup.procs; $spin; $spin"
is "it left its group and stayed on its CPU" "$status $(verdict)" "0 unknown"
ok "it left its group: said" says 'were used outside of its control group: a process of it left that' /tmp/run.err
judge -s cpus.isolation=affinity -- sh -c "$spin; $spin"
ok "it stays in its group: nothing said" sh -c '! grep "control group" /tmp/run.err'

judge -- dd if=/dev/zero of=/dev/null bs=1400M count=1
is "no memory on its node" "$status $(verdict)" "137 unknown"
ok "no memory on its node: what to set" says 'killed a process for lack of memory; .*-s process.numa=preferred' /tmp/run.err
judge -s process.numa=preferred -- dd if=/dev/zero of=/dev/null bs=1400M count=1
is "with memory of both" "$status" 0
done_testing
