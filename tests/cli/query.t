#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# plan, doctor, profile, status and topology on substituted hosts. What people see is compared with
# golden/*.out; QB_GOLDEN=write writes those anew, for a look at their difference.
. "$(dirname "$0")/lib.sh"

cp "$source/tests/cli/golden/quiet.yaml" "$tmp/quiet.yaml"
for host in hybrid amd-boost vm arm64; do
	"$source/tests/hosts/make-host" $host "$tmp/$host" || exit 1
done
chmod -R a+rX "$tmp"

# on HOST ARG...: quietbench about that host; sets status, out, err
on() {
	host=$1
	verb=$2
	shift 2
	"$qb" "$verb" --root "$tmp/$host" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
# there HOST ARG...: the same on that host, as far as it can be substituted
there() {
	host=$1
	shift
	"$build/tests/with-host" "$tmp/$host" "$qb" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
# golden NAME: $out is as in golden/NAME.out, but for the folder of the test
golden() {
	file=$source/tests/cli/golden/$1.out
	sed "s|$tmp|TMP|g" "$tmp/out" >"$tmp/seen"
	[ "${QB_GOLDEN:-}" = write ] && cp "$tmp/seen" "$file"
	ok "$1: as in golden/$1.out" cmp -s "$file" "$tmp/seen"
	diff -u "$file" "$tmp/seen" | sed 's/^/# /'
}
json() { printf '%s' "$out" | jq -r "$1" 2>&1; }

# ---- plan ----
for host in hybrid amd-boost vm; do
	on $host plan -p "$tmp/quiet.yaml"
	is "plan on $host: status" "$status" 0
	is "plan on $host: nothing on stderr" "$err" ""
	golden "plan-$host"
	ok "plan on $host: 100 columns" awk 'length > 100 { exit 1 }' "$tmp/out"
done
on hybrid plan -p "$tmp/quiet.yaml" -n 2 -s frequency.turbo=keep
like "-n and -s arrive" "$out" '^quiet: benchmark on CPUs 8,10 \(siblings 9,11 idle\)'
ok "keep leaves turbo alone" sh -c '! grep -q frequency.turbo "$1"' - "$tmp/out"

on hybrid plan -p "$tmp/quiet.yaml" -s process.nice=-5
like "what puts the benchmark before all others is class D" "$out" 'process.nice +benchmark +-5 +D$'

on hybrid plan -p "$tmp/quiet.yaml" --json
is "plan --json: schema" "$(json .schema)" quietbench/plan/1
is "plan --json: a step" \
	"$(json '.steps[] | select(.lever == "frequency.governor" and .unit == "policy7") | "\(.from) \(.to) \(.status) \(.risk) \(.reason)"')" \
	"powersave performance planned S null"
is "plan --json: a lever as a whole has no unit" \
	"$(json '.steps[] | select(.lever == "irqs.irqbalance") | "\(.unit)|\(.status)"')" "|unsupported"
is "plan --json: a unit of a CPU" \
	"$(json '.steps[] | select(.lever == "idle.max_latency") | "\(.unit) \(.from) \(.to)"')" \
	"cpu10/state3 0 1
cpu11/state3 0 1"
is "plan --json: the selection" "$(json '.selection | "\(.benchmark) \(.reserved) \(.housekeeping)"')" \
	"10 11 0-9,12-19"
is "plan --json: the settings in force" "$(json '.profile.effective["frequency.turbo"]')" false

on hybrid plan -p "$tmp/quiet.yaml" -s cpus.smt=offline --json
is "cpus.smt=offline: the selection" "$(json '.selection | "\(.benchmark) \(.reserved) \(.offline) \(.housekeeping)"')" \
	"10  11 0-9,12-19"
is "cpus.smt=offline: what is written to a CPU that is gone, or its policy: its switch" \
	"$(json '.steps[] | select((.unit | test("^(cpu|policy)11")) and .to != null) | "\(.unit) \(.from) \(.to)"')" "cpu11/online 1 0"
is "cpus.smt=offline: its policy is remembered" \
	"$(json '[.steps[] | select(.unit == "policy11" and .to == null) | .from] | join(" ")')" "powersave balance_performance"

on arm64 plan -p "$tmp/quiet.yaml" -s frequency.range=base --json
is "the base clock of each kind of core is the highest of its list, though listed from below" \
	"$(json '[.steps[] | select(.lever == "frequency.range") | "\(.unit) \(.to)"] | join(" ")')" \
	"policy0/max 2016000 policy0/min 2016000 policy4/max 2803000 policy4/min 2803000 policy7/max 3187000 policy7/min 3187000"
on arm64 topology --json
is "and topology tells the base clock that is planned" "$(json .host.base_khz)" 3187000

on hybrid plan -p "$tmp/quiet.yaml" --require frequency.governor,frequency.epp
is "--require: had" "$status" 0
on amd-boost plan -p "$tmp/quiet.yaml" --require frequency.epp
is "--require: not had" "$status" 1
like "--require: which, and why" "$err" \
	'^quietbench: frequency.epp is required but not available: the driver acpi-cpufreq has no energy'
on amd-boost plan -p "$tmp/quiet.yaml" --require frequency.epp --json
is "--require --json: status" "$status" 1
is "--require --json" "$(json '.required_missing[]')" frequency.epp
on hybrid plan -p "$tmp/quiet.yaml" --require memory.thp_defrag
like "--require of what is kept" "$err" '^quietbench: memory.thp_defrag is required but not available: the profile leaves it alone$'
on amd-boost plan -p "$tmp/quiet.yaml" -s 'require=[frequency.epp]'
is "a profile's require counts" "$status" 1
on amd-boost plan -p "$tmp/quiet.yaml" --require all
is "--require all" "$status" 1
on hybrid plan -p "$tmp/quiet.yaml" --require irqs.move
is "interrupts that the kernel manages are no lack" "$status" 0

on hybrid plan -s frequency.turbo=perhaps
is "a wrong value: status" "$status" 2
on hybrid plan -c 40
is "no such CPU: status" "$status" 2
like "no such CPU: says" "$err" '^quietbench: .*40'

on hybrid plan -p "$tmp/quiet.yaml"
cp "$tmp/out" "$tmp/about"
there hybrid plan -p "$tmp/quiet.yaml"
like "--root does not take what was not captured for a fact" "$(cat "$tmp/about")" \
	'^ *irqs.irqbalance: unknown: this captured host has no /run$'
sed -i '/^ *irqs.irqbalance: /d' "$tmp/about" "$tmp/out"
ok "--root shows the plan that is made there, else" diff "$tmp/about" "$tmp/out"

on hybrid plan -p default
like "a captured host's cgroups cannot be asked" "$(printf '%s' "$out" | tr -s '\n ' ' ')" 'whether it has cpusets is unknown on a captured host isolation: affinity'
on hybrid plan -p default -s cpus.isolation=partition
like "a captured host's cgroups cannot be asked, though asked for" "$out" \
	'^ *cpus.isolation: whether it has cpusets is unknown on a captured host$'
on hybrid plan -p default -n all
like "-n all of several kinds of core: all of one kind" "$(printf '%s' "$out" | tr -s '\n ' ' ')" \
	'housekeeping on 12-19 .* all: 6 cores of the fastest kind but: the other kinds of core are left for housekeeping: cpus.kind=any'
is "-n all of several kinds of core: nobody says that these are all CPUs" "$(printf '%s' "$out" | grep -c 'every CPU')" 0

# ---- doctor ----
for host in hybrid vm; do
	on $host doctor
	is "doctor on $host: status" "$status" 0
	golden "doctor-$host"
done
on vm doctor --json
is "doctor --json: had" "$(json '.levers[] | select(.lever == "irqs.move") | .available')" true
is "doctor --json: not had" "$(json '.levers[] | select(.lever == "frequency.turbo") | .available')" false
is "doctor --json: every lever says why not" "$(json '[.levers[] | select(.available == false) | .reason] | "\(length > 5) \(index(null))"')" "true null"
is "doctor --json: what could not be looked at says why" \
	"$(json '.findings[] | select(.finding == "turbo") | "\(.available) \(.text) \(.reason)"')" \
	"false null the hypervisor keeps the clock to itself (no cpufreq here)"
is "doctor --json: of what was looked at only what was found is told" \
	"$(json '[.findings[] | select(.available) | .finding] | join(" ")')" "aslr watchdogs"
is "doctor --json: what was found says what it is and what to do" \
	"$(json '[.findings[] | select(.available and (.text == null or .advice == null or .reason != null))] | length')" 0
is "doctor --json: no privilege is sought for another host" "$(json .privilege)" null
on hybrid doctor -s cpus.smt=share
like "doctor looks at the CPUs that a benchmark would get" "$out" \
	'^  sibling +CPU 11 shares a core with CPU 10 and is not kept free:'
on hybrid doctor -c 4 --json
is "doctor: and at those that are asked for" \
	"$(json '.findings[] | select(.finding == "turbo") | "\(.text[0:31]) \(.lever)"')" \
	"turbo is on: the clock of CPU 4 frequency.turbo"
if [ "$(id -u)" = 0 ]; then
	run doctor
	is "doctor as nobody: status" "$status" 0
	like "doctor as nobody: no way to privilege" "$out" '^privilege  none: not root'
	like "doctor as nobody: the command that opens one" "$out" '^ +to open one: '
	run doctor --json
	is "doctor as nobody --json" "$(json '.privilege.way')" null
fi

# ---- topology ----
on hybrid topology --json
is "topology --json: CPUs" "$(json '.pus | length')" 20
is "topology --json: roles" "$(json '[.pus[] | select(.role == "benchmark" or .role == "reserved") | "\(.cpu) \(.role)"] | join(", ")')" \
	"10 benchmark, 11 reserved"
on hybrid topology
is "topology: status" "$status" 0
like "topology: the benchmark's core" "$out" '\[10\]'

# ---- profile ----
run profile list
is "profile list: status" "$status" 0
for profile in base default minimal vm; do
	like "profile list: $profile" "$out" "^$profile +[A-Z]"
done
run profile list --json
is "profile list --json: all are valid" "$(json '.profiles | map(select(.valid)) | length')" "$(ls "$tmp"/profiles/*.yaml | wc -l)"
is "profile list --json: where" "$(json '.profiles[] | select(.name == "vm") | .file')" "$tmp/profiles/vm.yaml"
mkdir -p "$tmp/home/.config/quietbench/profiles"
printf 'version: 1\nname: mine\ndescription: "Mine: \\"own\\"."\nextends: default\ncpus: {list: "0"}\n' \
	>"$tmp/home/.config/quietbench/profiles/mine.yaml"
printf 'version: 1\nname: broken\ndescription: Broken.\nfrequency: {turbo: perhaps}\n' \
	>"$tmp/home/.config/quietbench/profiles/broken.yaml"
chmod -R a+rX "$tmp/home"
run profile list
like "profile list: one's own" "$out" '^mine +Mine: "own"\.'
like "profile list: what is wrong with one" "$out" '^broken +.*broken.yaml:4:20:'
run profile validate broken
is "profile validate: broken" "$status" 1
like "profile validate: where and what" "$err" 'broken.yaml:4:20: frequency.turbo: expected'
run profile validate --json broken
is "profile validate --json: broken" "$status $(json .valid)" "1 false"
run profile validate "$tmp/quiet.yaml"
is "profile validate: a file" "$status $out" "0 $tmp/quiet.yaml: ok"
run profile show no-such-profile
is "profile show: no such" "$status" 2
run profile frobnicate
is "profile: no such verb" "$status" 2

# What is shown is a profile that means the same.
for profile in default mine vm; do
	run profile show $profile
	is "profile show $profile: status" "$status" 0
	cp "$tmp/out" "$tmp/shown.yaml" && chmod a+r "$tmp/shown.yaml"
	run profile show --json $profile
	meant=$(json '.profile | {description, effective}')
	is "profile show --json $profile: all keys" "$(json '.profile.effective | length > 30')" true
	run profile show --json "$tmp/shown.yaml"
	is "profile show $profile: means the same when read again" \
		"$(json '.profile | {description, effective}')" "$meant"
done

# ---- a host that tells nothing of its cores ----
"$source/tests/hosts/make-host" no-topology "$tmp/no-topology"
run topology --root "$tmp/no-topology"
is "a host without topology: status" "$status" 2
like "a host without topology: what is missing" "$err" 'topology is missing'

# ---- status, restore ----
there vm status
is "status of a host that nobody touched" "$status $out" "3 not conditioned"
# Without privilege: of a host that nobody touched; and of one whose session was interrupted (a journal is there, and no
# process of it lives).
cat >"$tmp/left" <<EOF
$user "$qb" restore
echo "= \$?" >&2
mkdir -p /run/quietbench
touch /run/quietbench/journal
$user "$qb" restore
echo "= \$?" >&2
EOF
"$build/tests/with-host" "$tmp/vm" sh "$tmp/left" 2>"$tmp/err" </dev/null
is "restore without privilege: nothing is to be restored" "$(sed -n 1,2p "$tmp/err")" "quietbench: nothing is left to restore
= 0"
like "restore without privilege of what was left: what to do" "$(sed -n 3p "$tmp/err")" \
	'^quietbench: restore needs privilege: .*; to change that: .'
is "restore without privilege of what was left: status" "$(sed -n 4p "$tmp/err")" "= 1"
run profile show
like "profile show without a name: which one" "$(head -1 "$tmp/out")" '^# without -p, run takes this one here: (vm|default)$'
sed 1d "$tmp/out" >"$tmp/shown"
run profile show "$(sed -n '1s/.*: //p' "$tmp/out")"
is "profile show with that name: the same" "$out" "$(cat "$tmp/shown")"
finish
