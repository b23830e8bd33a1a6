# SPDX-License-Identifier: GPL-2.0-or-later
# Each call that changes a cgroup or a thread's affinity fails once with each errno of the levers' catalogue, in a run, runs in a row, a
# recovery and a later restore; in a run some files also stay broken: the rows of tests/crash/fault.t that a substituted
# host cannot have, and its verdicts. qb.way=WAY names the kind of isolation, qb.calls=looks takes a run's looks at
# groups and threads instead, and of all faults, numbered through, qb.part=K/OF takes every OFth, from the Kth on.
# shellcheck disable=SC2086 # $run and the strikes are words
. /qb/guest-lib.sh
. /qb/strike-lib.sh
way=$(argument way)
part=$(argument part)
of=${part#*/} part=${part%/*}
calls=$(argument calls)
errnos="5 1 16 22 28 524" # EIO, EPERM, EBUSY, EINVAL, ENOSPC, and the kernel's own ENOTSUPP

run="quietbench run --no-check -p base -s cpus.isolation=$way -o /tmp/record --"
many="quietbench run --no-check -r 2 -w 0 -p base -s cpus.isolation=$way --"
all=client+guardian+monitor

# The benchmark tells what the host has while it runs.
cat >/bin/witness <<'WITNESS'
#!/bin/sh
grep -Hs '' /sys/fs/cgroup/cgroup.subtree_control /sys/fs/cgroup/quietbench/c*.procs /sys/fs/cgroup/quietbench/cpuset.cpus* \
	/sys/fs/cgroup/cpuset/cpuset.sched_load_balance /sys/fs/cgroup/cpuset/quietbench*/cpuset.*
grep -Hs -e '^Cpus_allowed:' -e '^[0-9]*:cpuset:' /proc/[0-9]*/task/[0-9]*/status /proc/[0-9]*/task/[0-9]*/cgroup
true
WITNESS
cat >/bin/testify <<'TESTIFY'
#!/bin/sh
exec witness >/tmp/facts
TESTIFY
chmod +x /bin/witness /bin/testify

# lies FOLDER: what records say that the witnesses did not see. FOLDER/N.record is a run's record, N.out what it said,
# N.facts what the benchmark saw, N.after what was there afterwards if that differs. The first run was undisturbed.
lies() {
	jq -r 'input_filename as $file
		| (.levers[] | select(.lever == "cpus.isolation")
			| ["lever", .unit, .status, .before, .wanted, .after, .reason, .restored]),
		  ["record", .conditioned, .restore.complete, (.restore.failures | length)]
		| [$file] + map(. // "-" | tostring | if . == "" then "(empty)" else . end) | @tsv' "$1"/*.record >/tmp/records
	awk -F '\t' '
		# The values of units, as a lever reads them.
		function learn(values, line,   path, value, unit) {
			path = line; sub(/:.*/, "", path)
			value = substr(line, length(path) + 2)
			unit = path; sub(/.*\//, "", unit)
			if (path ~ /\/task\//) {
				sub(/\/[^\/]*$/, "", path); sub(/.*\//, "", path)
				sub(/^[^:]*:([a-z]*:)?[ \t]*/, "", value)
				unit = "task " path (unit == "cgroup" ? "/cpuset" : "")
			} else if (unit == "cgroup.subtree_control") {
				unit = "controller"
				value = (" " value " ") ~ / cpuset / ? "on" : "off"
			} else if (path ~ /\/fs\/cgroup\/quietbench\//) {
				values["group"] = "present"
				sub(/cpuset.cpus.partition/, "partition", unit)
			} else if (path ~ /\/cpuset\/quietbench/) {
				sub(/\/[^\/]*$/, "", path); sub(/.*\//, "", path)
				values[path "/shield"] = "present"
				unit = path "/" unit
			} else {
				sub(/cpuset./, "", unit)
			}
			values[unit] = value == "" ? "(empty)" : value
		}
		function look(values, file,   line, n) {
			split("", values)
			while ((getline line <file) > 0) { learn(values, line); n++ }
			close(file)
			return n
		}
		# What a unit without a file reads: a group that is absent reads as a fresh one.
		function value(values, unit) {
			if (unit in values) return values[unit]
			if (unit ~ /(group|shield)$/) return "absent"
			if (unit == "partition") return "member"
			return unit ~ /exclusive$/ ? "0" : unit ~ /cpuset\.(cpus|mems)$/ ? "(empty)" : "gone"
		}
		function lie(text) { print name ": the record " text }
		function said(what,   line, found) {
			while ((getline line <(name ".out")) > 0) if (line ~ what) found = 1
			close(name ".out")
			return found
		}
		function tasks_kept(   unit) {
			for (unit in held)
				if (unit ~ /^task/ && unit in undisturbed && held[unit] != undisturbed[unit])
					lie("says of nothing that it failed, and " unit " has " held[unit] " instead of " undisturbed[unit])
		}
		$1 != file {
			file = $1
			name = file; sub(/\.record$/, "", name)
			if (!look(held, name ".facts")) lie("is of a run whose benchmark saw nothing")
			differs = look(now, name ".after")
			failed = tasks = 0
			if (name ~ /\/0$/) look(undisturbed, name ".facts")
		}
		$2 == "lever" {
			unit = $3; status = $4; had = $5; wanted = $6; after = $7; reason = $8; restored = $9
			text = "says of " unit
			if (status ~ /failed|unsupported|refused/) {
				failed++
				if (unit ~ /^task/) tasks++
				if (reason == "-") lie(text " " status " without a reason")
			}
			is = value(held, unit)
			if (is != "gone" && status == "applied" && wanted != "-" && wanted != is) lie(text " applied " wanted ", and it had " is)
			if (is != "gone" && after != "-" && after != is) lie(text " left as " after ", and it had " is)
			became = value(now, unit)
			if (differs && restored == "yes" && became != "gone" && became != had)
				lie(text " restored, and it has " became " instead of " had)
		}
		$2 == "record" {
			if ($3 == "none") lie("says that root got no privilege")
			if ($3 == "full" && failed) lie("says fully conditioned, with failures")
			if ($4 == "true" && ($5 || differs)) lie("says restored, and it is not")
			if (differs && !$5) lie("names no failure, and the host differs")
			# One fault costs one thread at the most its place, but for one of the group where all should be.
			if (tasks && !said("threads? stays? \\(")) lie("names threads that failed, and the run said nothing of them")
			if (tasks > 1 && tasks == failed && name !~ /bar/) lie("names " tasks " threads that failed")
			if (!failed) tasks_kept()
		}
	' /tmp/records
}

# after_run, after_restore: sets `outcome`, and adds to /tmp/wrong what cannot be, of $runs runs whose client ended with $client
after_run() {
	executed=$(grep '^executed ' /tmp/log | grep -vc quietbench)
	[ "$client" = 0 ] || says '^quietbench: ' /tmp/out >/dev/null || echo "it says nothing" >>/tmp/wrong
	case $client in
		0)
			outcome=restored
			[ -e /tmp/record ] || [ "$runs" != 1 ] || echo "no record" >>/tmp/wrong
			[ "$executed" = "$runs" ] || echo "the benchmark was not executed" >>/tmp/wrong
			;;
		125 | 126)
			outcome=refused
			[ "$executed" -lt "$runs" ] || echo "the benchmark was executed all the same" >>/tmp/wrong
			;;
		124)
			outcome=mended
			says 'not restored\|whether the host is restored' /tmp/out >/dev/null ||
				echo "it does not say what is not restored" >>/tmp/wrong
			mended
			;;
		*) outcome=failed && echo "the run ended with ${client:-nothing}" >>/tmp/wrong ;;
	esac
}
after_restore() {
	case $client in
		0) outcome=restored ;;
		1) outcome=mended && mended ;;
		*) outcome=failed && echo "restore ended with ${client:-nothing}" >>/tmp/wrong ;;
	esac
}
# mended: `status` tells how to put the rest back, and that does it
mended() {
	if ! as_before >/dev/null 2>&1; then
		witness >"$seen.after"
		quietbench status 2>&1 | grep -q 'run: quietbench restore$' || echo "status does not tell what to do" >>/tmp/wrong
	fi
	quietbench restore >>/tmp/out 2>&1 || echo "the later restore ended with $?" >>/tmp/wrong
}

number=0 faults=0 bad=0 missed=0
: >/tmp/outcomes
# fault NAME STRIKES STRIKE CALL COMMAND...
fault() {
	fault="$1, $3 ($4)"
	blows="$2 -s $3" verdict=after_run runs=1
	seen=/tmp/seen/$number-${3##*:}
	[ "$1" != "runs in a row" ] || runs=2
	[ "$1" != "later restore" ] || { verdict=after_restore && struck -s "$leave" $run testify; }
	shift 4
	: >/tmp/wrong
	rm -f /tmp/record /tmp/facts
	struck $blows "$@"
	ended=$?
	case $ended in
		0) ;;
		1) missed=$((missed + 1)) ;; # it never came: the kernel has fewer threads now than when they were counted
		*) echo "strike ended with $ended" >>/tmp/wrong ;;
	esac
	cp /tmp/log /tmp/log.fault
	cp /tmp/out "$seen.out"
	client=$(sed -n 's/^end client status //p' /tmp/log)
	$verdict
	# Read at the end, all at once: jq takes its time to start.
	[ ! -e /tmp/record ] || mv /tmp/record "$seen.record"
	[ ! -e /tmp/facts ] || mv /tmp/facts "$seen.facts"
	faults=$((faults + 1))
	if judge; then
		echo "$outcome" >>/tmp/outcomes
	else
		bad=$((bad + 1))
		echo "# $fault, client $client:"
		grep -v '^struck .* rmdir ' /tmp/log.fault | cat /tmp/wrong - /tmp/out | sed 's/^/#   /'
	fi
}

# row NAME ROLE COUNTED FIRST ACTION STRIKES COMMAND...: the faults of each call of ROLE's to an isolation lever, from
# the FIRST on, that are of this part
row() {
	name=$1 role=$2 counted=$3 first=$4 action=$5 strikes=$6
	shift 6
	before_row=$faults bad_row=$bad
	while IFS=' ' read -r n call; do
		for errno in $errnos; do
			number=$((number + 1))
			[ $((number % of)) != $((part % of)) ] ||
				fault "$name" "$strikes" "$role:$n:$action=$errno" "$call" "$@"
		done
	done <<EOT
$(awk -v first="$first" -v action="$action" -v look="${role#*/}" 'NR >= first && (/ \/sys\/fs\/cgroup/ ||
	(/ \/proc\/[0-9]/ && look == "look") || (/^sched_setaffinity/ && action == "fail")) { print NR, $0 }' \
	"/tmp/calls/$counted.$(echo "$role" | tr / -)")
EOT
	[ "$faults" != "$before_row" ] || return 0
	text="$name: $((faults - before_row)) faults, $((bad - bad_row)) wrong"
	if [ "$bad" = "$bad_row" ]; then pass "$text"; else fail "$text"; fi
}

start_odd 1 2
mkdir /tmp/seen
before

count run $run testify
undisturbed "an undisturbed run leaves nothing"
mv /tmp/record /tmp/seen/0.record
mv /tmp/facts /tmp/seen/0.facts
back=$(($(cat /tmp/calls/run.monitor.bench) + 1))
dead="-s monitor:$back:kill=monitor"
leave="monitor:$back:kill=$all"
if [ "$calls" = looks ]; then
	quick=
	count looked $run testify
	undisturbed "a run at which all looks leaves nothing"
	row "run, looks" monitor/look looked 1 fail "" $run testify
else
	count recovery $dead $run testify
	undisturbed "a recovery leaves nothing"
	struck -s "$leave" $run testify
	count later quietbench restore
	undisturbed "a later restore leaves nothing"
	row "run" monitor run 1 fail "" $run testify
	row "run, files broken for good" monitor run 1 bar "" $run testify
	row "recovery" recovery recovery 1 fail "$dead" $run testify
	row "later restore" monitor later 1 fail "" quietbench restore
	count many $many true
	undisturbed "undisturbed runs in a row leave nothing"
	row "runs in a row" monitor many 1 fail "" $many true
fi

lies /tmp/seen >/tmp/lies
if [ -s /tmp/lies ]; then fail "records tell the truth" /tmp/lies; else pass "records tell the truth"; fi
echo "# $faults of $number faults: $(sort /tmp/outcomes | uniq -c | tr -s ' \n' ' ,')$bad wrong; $(cut -d. -f1 /proc/uptime) s"
ok "nearly all calls came: $missed of $faults did not" [ $((missed * 20)) -le $((faults + 20)) ]
stop_odd
done_testing
