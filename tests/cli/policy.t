#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The policy on a substituted host: a user who has come through sudo gets what the rule that is built
# in leaves a user, then what files of all kinds do; root gets everything. What plan and doctor tell.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
"$source/tests/hosts/make-host" smt-off "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
cp /bin/sh "$tmp/disturber"
# sudo that lets everybody through, and an /etc of its own.
rm "$tmp/bin/sudo"
cp "$build/tests/sudo" "$tmp/bin/sudo"
chmod 4755 "$tmp/bin/sudo"
mkdir "$tmp/etc"
cp -a /etc/passwd /etc/group /etc/ld.so.cache "$tmp/etc"
printf 'version: 1\nname: mine\nextends: minimal\n' >"$tmp/home/mine.yaml"
chmod 755 "$tmp/etc"
member='setpriv --reuid 4242 --regid 4242 --groups 4243,4244 --'
policy=/etc/quietbench/policy.yaml
governor=/sys/devices/system/cpu/cpufreq/policy0/scaling_governor
# Others are the machine's own processes, which the host only shows.
alone='-s cpus.isolation=none'

cat >"$tmp/story" <<EOF
mount --bind $tmp/etc /etc
cd $tmp/home
# say NAME COMMAND...: its output goes to NAME, its status to NAME.status
say() {
	name=\$1
	shift
	"\$@" >$tmp/\$name 2>&1
	echo \$? >$tmp/\$name.status
}
# rule [LINE...]: a policy with one rule for a group of the user's
rule() {
	mkdir -p /etc/quietbench
	printf 'version: 1\nrules:\n  - name: bench\n    who: [group:4244]\n' >$policy
	for line; do
		echo "    \$line" >>$policy
	done
}

# no file
say builtin $member $qb run --no-check -o $tmp/home/builtin.json $alone -s memory.drop_caches=true -s process.nice=-5 -- true
say required $member $qb run --no-check $alone -s memory.drop_caches=true --require memory.drop_caches -- touch $tmp/home/started
say many $member $qb run --no-check -n 3 -- touch $tmp/home/started
say half $member $qb plan -n 2 --json
say offline $member $qb run --no-check -s cpus.smt=offline --require cpus.smt -- touch $tmp/home/started
say long $member $qb apply $alone --for 9h
say lease $member $qb apply $alone --for 7h
say renewed $member $qb apply --for 9h
say joined $member $qb run --no-check -- true
$qb run --no-check -q $alone -- true &
waits=\$!
until [ "\$(ls /run/quietbench/queue)" ]; do sleep 0.05; done
say unrenewed $member $qb apply --for 7h
say ended $member $qb restore
wait \$waits
$member sleep 60 &
sleeper=\$!
until [ "\$(stat -c %u /proc/\$sleeper)" = 4242 ]; do sleep 0.05; done
say while $member $qb apply $alone --while \$sleeper
say until $member $qb status --json
say ended2 $member $qb restore
kill \$sleeper
say plan $member $qb plan -p strict
say plan-many $member $qb plan -n 3 --json
say plan-required $member $qb plan -s memory.drop_caches=true --require memory.drop_caches
say doctor $member $qb doctor
say doctor-json $member $qb doctor --json
say plan-root $qb plan --json

# a rule that gives names
rule 'process_names: true'
$tmp/disturber -c "while :; do :; done" &
disturber=\$!
taskset -cp 1 \$disturber >/dev/null
say watched $member $qb run --no-check -o $tmp/home/watched.json $alone -c 1 -s process.pin=true -- \
	sh -c 'i=0; while [ \$i -lt 200000 ]; do i=\$((i + 1)); done'
kill \$disturber

# a file
rule 'classes: [S, D]' 'deny: [frequency.governor]' 'cpus: {max: 3, list: "0-2"}' 'lease: 1h' 'lock: 1s'
say named $member $qb run --no-check -o $tmp/home/named.json $alone -s memory.drop_caches=true -s frequency.governor=powersave -- true
say elsewhere $member $qb run --no-check $alone -c 3 -- touch $tmp/home/started
say doctor-named $member $qb doctor
say overdue $member $qb run --no-check -o $tmp/home/overdue.json $alone -- sh -c 'cat $governor; sleep 2; cat $governor'
$member $qb run --no-check -q $alone -- sh -c 'echo \$\$ >pid; kill -STOP \$PPID; exec sleep 60' 2>$tmp/stopped &
stopped=\$!
for i in \$(seq 100); do
	$qb status >/dev/null && break
	sleep 0.1
done
say next $qb run --no-check --lock-wait 20s $alone -- true
bench=\$(cat pid)
kill -KILL \$stopped
wait \$stopped
for i in \$(seq 100); do
	kill -0 \$bench 2>/dev/null || break
	sleep 0.1
done
say orphan kill -0 \$bench
rule 'own_profiles: false' 'classes: []'
say own $member $qb run --no-check -p ./mine.yaml -- touch $tmp/home/started
say own-plan $member $qb plan -p ./mine.yaml
say shipped $member $qb run --no-check -p minimal -- true
say root $qb run --no-check -o $tmp/root.json $alone -s memory.drop_caches=true -- true
say lease-root $qb apply $alone --for 30h
say waiting $member $qb run --no-check --no-lock-wait $alone -- true
say ended-root $qb restore
$qb run --no-check -q $alone -- sh -c 'until [ -e $tmp/home/go ]; do sleep 0.05; done' &
for i in \$(seq 100); do
	$qb status >/dev/null && break
	sleep 0.1
done
say nameless $member $qb run --no-check --no-lock-wait $alone -- true
say status-member $member $qb status
say status-root $qb status
grep -c home/go /run/quietbench/summary >$tmp/summary
touch go
wait
chmod 600 $policy
say unread $member $qb plan $alone
say unread-run $member $qb run --no-check $alone -- true
chmod 644 $policy
say stranger $user $qb run --no-check -- touch $tmp/home/started
say stranger-plan $user $qb plan

# files that are no policy
# bad NAME: only root may use quietbench
bad() {
	say \$1 $member $qb run --no-check $alone -- touch $tmp/home/started
	say \$1-plan $member $qb plan $alone
}
echo 'rules: {' >$policy
bad broken
rule 'leese: 1h'
bad misspelt
say misspelt-root $qb run --no-check $alone -- true
truncate -s 100M $policy
bad large
rule
chmod 664 $policy
bad writable
chmod 644 $policy
chown 4242 $policy
bad owned
rm $policy
mkfifo $policy
bad fifo
rm $policy
ln -s /etc/passwd $policy
bad link
rm $policy
mkdir $policy
bad folder
say folder-root $qb run --no-check $alone -- true
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err"

# levers FILE LEVER: status and reason of it in a record
levers() { jq -r --arg lever "$2" '[.levers[] | select(.lever == $lever) | "\(.status) \(.reason)"] | unique | .[]' "$1"; }
# oneline FILE: what was wrapped at 100 columns
oneline() { tr -s ' \n' ' ' <"$tmp/$1"; }
builtin='rule members \(built in; see /etc/quietbench/policy.yaml\)'
tells builtin 0 '^quietbench: [0-9]+ levers applied'
like "built in: class S is applied" "$(levers "$tmp/home/builtin.json" frequency.governor)" '^applied null$'
like "built in: class D is refused" "$(levers "$tmp/home/builtin.json" memory.drop_caches)" \
	"^refused policy: class D is not for $builtin\$"
like "built in: a negative nice value is class D" "$(levers "$tmp/home/builtin.json" process.nice)" "^refused policy: class D"
tells required 125 "^quietbench: memory.drop_caches is required but not available: policy: class D is not for $builtin\$"
tells many 125 "^quietbench: policy: $builtin allows at most 2 of 4 CPUs, not 3 \\(1-3\\): choose fewer"
is "half of the CPUs" "$(jq -c '[.policy.refusal, .selection.benchmark]' "$tmp/half")" '[null,"2-3"]'
tells offline 125 '^quietbench: cpus.smt is required but not available: policy: class D'
tells long 1 "^quietbench: apply: policy: $builtin allows an apply of at most 8 h, not 9 h"
tells lease 0 'it stays so until'
tells renewed 1 'policy: .* allows an apply of at most 8 h'
tells joined 0 '^quietbench: joined the apply of user 4242'
tells unrenewed 1 '^quietbench: apply: another user waits for the host: this apply ends as it was to, and is not renewed$'
tells ended 0 '^quietbench: restored'
tells while 0 'it stays so as long as process'
like "--while is limited as well" "$(jq -r '.session.lease | "\(.until) \(.while)"' "$tmp/until")" '^20[0-9T:+-]* [0-9]+$'
tells ended2 0 '^quietbench: restored'
tells plan 0 '^  policy: rule members \(built in; '
like "plan: per lever" "$(oneline plan)" "refused .*: policy: class D is not for $builtin"
is "plan --json: more than the rule leaves" \
	"$(jq -r '[.policy.rule, .policy.built_in, (.policy.refusal | test("2 of 4 CPUs"))] | join(" ")' "$tmp/plan-many")" \
	'members true true'
is "plan --json: then nothing would change" \
	"$(jq -c '[(.steps | length > 10), (.steps[] | select(.status == "planned" and .lever != "process.pin"))]' "$tmp/plan-many")" '[true]'
tells plan-required 1 "^quietbench: memory.drop_caches is required but not available: policy: class D is not for $builtin\$"
like "doctor: the policy" "$(oneline doctor)" "policy $builtin: class S, cpus.isolation; up to 2 of 4 CPUs"
like "doctor: per lever" "$(oneline doctor)" "memory.drop_caches D policy: class D is not for $builtin"
is "doctor --json: the policy" "$(jq -c '[.policy.rule, .policy.built_in, .policy.refusal]' "$tmp/doctor-json")" '["members",true,null]'
is "doctor --json: a lever" "$(jq '.levers[] | select(.lever == "memory.dirty_ratio").available' "$tmp/doctor-json")" false
is "plan: root has no policy" "$(jq -c .policy "$tmp/plan-root")" null

file='rule bench \(/etc/quietbench/policy.yaml\)'
like "process_names: who had the CPU is named" "$(jq -r '.runs[0].reasons[]' "$tmp/home/watched.json")" '^disturber \(pid [0-9]+\) ran '
tells named 0 '^quietbench: .*: benchmark on CPU [0-2],'
is "a rule of the file: class D" "$(levers "$tmp/home/named.json" memory.drop_caches)" 'applied null'
like "a rule of the file: what it denies" "$(levers "$tmp/home/named.json" frequency.governor)" "^refused policy: $file denies it\$"
tells elsewhere 125 '^quietbench: .*CPU 3'
like "doctor: a rule of the file" "$(oneline doctor-named)" "policy $file: class S, D, not frequency.governor; up to 3 of 4 CPUs, of 0-2"
tells overdue 0 "^quietbench: policy: $file allows a run to hold the host for at most 1 s, and this time is over: the host is restored, the command goes on\$"
like "the lock's time: the report" "$(cat "$tmp/overdue")" 'the host was restored before the command ended; discard this measurement'
is "the lock's time: the record" "$(jq -c '[.runs[0].exit.code, .runs[0].reasons[0], .restore.complete]' "$tmp/home/overdue.json")" \
	'[0,"the host was restored before the command ended",true]'
tells next 0 '^quietbench: waiting for the run of user 4242'
[ "$(cat "$tmp/orphan.status")" = 1 ] || sed 's/^/# stopped: /' "$tmp/stopped"
is "the lock's time: a client that dies takes its benchmark with it" "$(cat "$tmp/orphan.status")" 1
tells own 125 "^quietbench: policy: no profiles of your own are read for $file"
like "plan: an own profile" "$(oneline own-plan)" "policy: no profiles of your own are read for $file"
tells shipped 0 '^quietbench: minimal'
tells root 0 'levers applied'
is "root is not asked for a rule" "$(grep -c 'no rule' "$tmp/root")" 0
is "root is not limited" "$(levers "$tmp/root.json" memory.drop_caches)" 'applied null'
tells lease-root 0 'it stays so until'
tells waiting 125 '^quietbench: the host is in use by the apply of user 0'
tells nameless 125 '^quietbench: the host is in use by the run of user 0 \(process [0-9]+\), since 20[0-9-]+ [0-9:]+$'
tells status-member 0 '^conditioned$'
is "status: what another user runs is not told" "$(grep -c command "$tmp/status-member")" 0
tells status-root 0 '^  command  sh -c until'
is "the summary: nor is it there to be read" "$(cat "$tmp/summary")" 0
tells unread 0 '^  policy: /etc/quietbench/policy.yaml is not yours to read, and the helper judges by it$'
tells unread-run 0 '^quietbench: .*: benchmark on CPU'
tells stranger 125 '^quietbench: policy: no rule of /etc/quietbench/policy.yaml names user 4242 or a group of theirs .*sudo quietbench run'
like "a stranger's plan" "$(oneline stranger-plan)" 'policy: no rule of /etc/quietbench/policy.yaml names user 4242 or a group of theirs'

# no NAME PATTERN: a file because of which only root might use quietbench
no() {
	tells "$1" 125 "^quietbench: policy: only root may use quietbench until this file is fixed: $2"
	like "$1: plan tells" "$(oneline "$1-plan")" "policy: only root may use quietbench until this file is fixed: $2"
}
no broken '/etc/quietbench/policy.yaml:1:8: rules: expected a list of rules, found a section'
no misspelt "/etc/quietbench/policy.yaml:5:5: rules\\[1\\].leese: expected a key of a rule, found 'leese'; did you mean 'lease'\\?"
no large '/etc/quietbench/policy.yaml is longer than 64 KiB'
for name in writable owned fifo folder; do
	no $name "/etc/quietbench/policy.yaml is not a regular file of root's that only root may write"
done
no link '/etc/quietbench/policy.yaml is a symbolic link'
tells misspelt-root 0 '^quietbench: policy: only root may use quietbench until this file is fixed: /etc/quietbench/policy.yaml:5:5: '
tells folder-root 0 '^quietbench: policy: only root may use quietbench until this file is fixed: /etc/quietbench/policy.yaml is not a regular file'
ok "what was refused was not started" [ ! -e "$tmp/home/started" ]
values() { (cd "$1" && find . -type f ! -name drop_caches -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
