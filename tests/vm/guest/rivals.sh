# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody else changes during the run what quietbench had set: his change stands, is reported, stands in nobody's way,
# and `restore --force` takes it back as long as it stands.
. /qb/guest-lib.sh
policies=/sys/devices/system/cpu/cpufreq
group=/sys/fs/cgroup/quietbench
governor=$policies/policy0/scaling_governor

# with_rival TEXT COMMAND...: a run during which COMMAND is executed; status in $ended, stderr in /tmp/run.err
with_rival() {
	rm -f /tmp/benchmark /tmp/go
	quietbench run --no-check -o /tmp/record -p default -- sh -c 'echo $$ >/tmp/benchmark; until [ -e /tmp/go ]; do usleep 50000; done; exit 3' 2>/tmp/run.err &
	client=$!
	within 60 [ -s /tmp/benchmark ] || { fail "the benchmark started" /tmp/run.err; done_testing; }
	"$@"
	touch /tmp/go
	wait "$client"
	ended=$?
}
# conflicts: how many the record names
conflicts() { jq '.restore.conflicts | length' /tmp/record; }
write() { echo "$2" >"$1"; }
# first of the words of FILE that is none of the others
other_than() { tr ' ' '\n' <"$1" | grep -v -e "^$2\$" -e "^$3\$" -e '^$' | head -n 1; }

before
was=$(cat "$governor")
rival=$(other_than "$policies/policy0/scaling_available_governors" performance "$was")
with_rival write "$governor" "$rival"
is "a governor: the status is the command's" "$ended" 3
is "a governor: the rival's stands" "$(cat "$governor")" "$rival"
ok "a governor: reported" says 'frequency.governor' /tmp/run.err
is "a governor: the record has one conflict" "$(conflicts)" 1
is "a governor: the rest is restored" "$(jq -c '.restore | [.complete, .failures]' /tmp/record)" '[true,[]]'
ok "a governor: nothing else differs" as_before "$governor*" '/run/quietbench/conflicts*' "$policies/$rival/*"
quietbench run --no-check -p default -- true 2>/tmp/run.err
is "a governor: not in the way of the next run" "$?" 0
is "a governor: the next run gives back the rival's" "$(cat "$governor")" "$rival"
quietbench restore >/tmp/restore.out 2>&1
is "a governor: restore leaves it alone" "$(cat "$governor")" "$rival"
quietbench restore --force >/tmp/restore.out 2>&1
is "a governor: restore --force" "$? $(cat "$governor")" "0 $was"
ok "a governor: all is as before" within 10 as_before

with_rival write "$governor" "$rival"
echo userspace >"$governor" 2>/dev/null || echo powersave >"$governor"
third=$(cat "$governor")
quietbench restore --force >/tmp/restore.out 2>&1
is "a value that changed again is left to whoever did that" "$(cat "$governor")" "$third"
echo "$was" >"$governor"
quietbench restore >/tmp/restore.out 2>&1
is "what is back by itself is no conflict any more" "$?" 0
ok "a third value: all is as before" within 10 as_before

with_rival write /sys/devices/system/cpu/cpufreq/boost 1
is "turbo, back to what it was: no conflict" "$ended $(conflicts)" "3 0"
ok "turbo: all is as before" within 10 as_before

for action in /proc/irq/[0-9]*/*/; do
	irq=${action%/*/}
	[ "$(cat "$irq/smp_affinity")" = ff ] && echo 01 >"$irq/smp_affinity" 2>/dev/null && echo ff >"$irq/smp_affinity" && break
done
with_rival write "$irq/smp_affinity" 02
is "an interrupt: the rival's mask stands" "$ended $(cat "$irq/smp_affinity")" "3 02"
ok "an interrupt: reported" says 'irqs.move' /tmp/run.err
quietbench restore --force >/tmp/restore.out 2>&1
is "an interrupt: restore --force" "$? $(cat "$irq/smp_affinity")" "0 ff"
ok "an interrupt: all is as before" within 10 as_before

cpus_of_group() { echo 4-5 >"$group/cpuset.cpus"; }
with_rival cpus_of_group
is "the CPUs of our group: the status is the command's" "$ended" 3
ok "the CPUs of our group: all is as before" within 10 as_before '/run/quietbench/conflicts*'
quietbench restore >/tmp/restore.out 2>&1
is "the CPUs of our group: nothing is left to do" "$?" 0

below() {
	mkdir "$group/rival"
	sleep 3598 &
	stranger=$!
	echo "$stranger" >"$group/rival/cgroup.procs"
}
with_rival below
is "a group below ours, with a process: the status is the command's" "$ended" 3
ok "a group below ours: its process lives" kill -0 "$stranger"
ok "a group below ours: all is as before" within 10 as_before '/run/quietbench/conflicts*'
kill "$stranger"
quietbench restore >/tmp/restore.out 2>&1

sleep 3597 &
sleeper=$!
before
with_rival taskset -p 04 "$sleeper"
is "a thread that was bound meanwhile stays so" "$ended $(taskset -p "$sleeper" | sed 's/.*: //')" "3 4"
kill "$sleeper"
quietbench restore --force >/tmp/restore.out 2>&1
quietbench run --no-check -p default -- true 2>/tmp/run.err
is "in the end a run is as good as the first" "$?" 0
done_testing
