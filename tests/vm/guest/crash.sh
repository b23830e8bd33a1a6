# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL for each process, and for all, at each change that one of them makes: the rows of tests/crash/kill.t, on a
# real kernel. On the kernel's command line qb.profile=NAME says what is run, and qb.part=K/OF that of all kills,
# numbered through, every OFth is made, from the Kth on; with qb.rows=many these are of runs in a row.
# shellcheck disable=SC2086 # $run, $lease and the strikes are words
. /qb/guest-lib.sh
. /qb/strike-lib.sh
profile=$(argument profile)
part=$(argument part)
of=${part#*/} part=${part%/*}

# The noise check only takes time.
run="quietbench run --no-check -p $profile --"
# It ends by itself, with nobody waiting for it.
lease="quietbench apply -p $profile --for 100ms"
all=client+guardian+monitor
# The benchmark ends its client: the monitor puts back without being asked.
cat >/bin/desert <<'DESERT'
#!/bin/sh
kill -9 $PPID
exec sleep 2
DESERT
chmod +x /bin/desert

# calls NAME ROLE: how many changes it makes
calls() { wc -l <"/tmp/calls/$1.$2"; }

number=0 kills=0 all_bad=0 missed=0
# row NAME VICTIMS ROLE COUNTED FIRST STRIKES COMMAND...: kills at each change that ROLE makes, if it is of this part
row() {
	name=$1 victims=$2 role=$3 counted=$4 n=$5 strikes=$6
	shift 6
	count=$(calls "$counted" "$role") row=0 bad=0
	while [ "$n" -le "$count" ]; do
		number=$((number + 1))
		if [ $((number % of)) = $((part % of)) ]; then
			row=$((row + 1))
			kill_one "$@" || bad=$((bad + 1))
		fi
		n=$((n + 1))
	done
	row_ended "$name, $victims killed at the $role's changes: $row kills, $bad left something"
}
# row_ended TEXT: a test of it, unless another part of the matrix has all of it
row_ended() {
	kills=$((kills + row)) all_bad=$((all_bad + bad))
	[ "$row" != 0 ] || return 0
	if [ "$bad" = 0 ]; then pass "$1"; else fail "$1"; fi
}
kill_one() {
	: >/tmp/wrong
	[ "$name" != "later restore" ] || struck -s "$leave" $run true
	struck $strikes -s "$role:$n:kill=$victims" "$@"
	ended=$?
	case $ended in
		0) ;;
		1) missed=$((missed + 1)) ;; # it never came: the kernel has fewer threads now than when they were counted
		*) echo "strike ended with $ended" >>/tmp/wrong ;;
	esac
	cp /tmp/log /tmp/seen
	# Nobody who could put it back may be left: then a later restore does, and says so.
	case $victims in
		*guardian*) quietbench restore >>/tmp/out 2>&1 || echo "restore ended with $?" >>/tmp/wrong ;;
	esac
	judge && return 0
	echo "# $name, $victims killed at the $role's change $n ($(sed -n "${n}p" "/tmp/calls/$counted.$role")):"
	sed 's/^/#   /' /tmp/wrong /tmp/seen /tmp/out
	return 1
}

end() {
	echo "# $((kills - missed)) kills of $number, $all_bad left something; $(cut -d. -f1 /proc/uptime) s"
	ok "nearly all calls came: $missed of $kills did not" [ $((missed * 20)) -le $((kills + 20)) ]
	stop_odd
	done_testing
}

policies=/sys/devices/system/cpu/cpufreq
# Governors that somebody tuned: the kernel forgets that when the last policy leaves them.
echo ondemand >$policies/policy2/scaling_governor
echo 77 >$policies/ondemand/up_threshold
start_odd 5 a c 9
before

count run $run true
sed 's/^/# /' /tmp/out
undisturbed "an undisturbed run leaves nothing"
# ---- runs in a row, whose commands the forker forks: kills as above, and every harm at each of its calls ----
# harm ACTION CALLS: before (or, with "+:ACTION", after) each of these calls of the forker's, that is of this part; the
# commands are executed all the same, and the client comes to its end by itself
harm() {
	row=0 bad=0
	while read -r n call; do
		number=$((number + 1))
		[ $((number % of)) = $((part % of)) ] || continue
		row=$((row + 1))
		: >/tmp/wrong
		struck -c 30000 -s "forker/call:$n$1" $many true || echo "strike ended with $?" >>/tmp/wrong
		cp /tmp/log /tmp/seen
		grep -e '^client killed' -e '^end client signal' -e '^end client status [^0]' /tmp/log >>/tmp/wrong
		[ "$(grep -c '^executed [^q]' /tmp/log)" = 2 ] || echo "the command was not executed twice" >>/tmp/wrong
		judge && continue
		bad=$((bad + 1))
		echo "# runs in a row, forker/call:$n$1 ($call):"
		cat /tmp/wrong /tmp/seen /tmp/out | sed 's/^/#   /'
	done <<-EOT
		$(grep -e " \($2\)" /tmp/forks)
	EOT
	row_ended "runs in a row, forker/call:N$1: $row times, $bad wrong"
}
# What BORN writes cannot be written: the client hears so, and the host is as it was.
unwritten() {
	row=0 bad=0
	awk -v last="$(tail -n 1 /tmp/calls/many.monitor.bench)" '
		/^fallocate .*journal/ { made++ } made > 1 && NR <= last && /journal/ { print NR, $0 }' /tmp/calls/many.monitor >/tmp/born
	while read -r n call; do
		row=$((row + 1))
		: >/tmp/wrong
		struck -s "monitor:$n:fail=28" $many true || echo "strike ended with $?" >>/tmp/wrong
		cp /tmp/log /tmp/seen
		grep -q '^end client status 125$' /tmp/log || echo "the client did not end with 125" >>/tmp/wrong
		says 'No space left on device' /tmp/out >/dev/null || echo "nothing says why" >>/tmp/wrong
		judge && continue
		bad=$((bad + 1))
		echo "# runs in a row, monitor:$n:fail=28 ($call):"
		cat /tmp/wrong /tmp/seen /tmp/out | sed 's/^/#   /'
	done </tmp/born
	is "runs in a row, BORN cannot be journaled: $row times" "$bad wrong of $((row > 3 ? 4 : row))" "0 wrong of 4"
}
if [ "$(argument rows)" = many ]; then
	many="quietbench run --no-check -r 2 -w 0 -p $profile --"
	count many $many true
	undisturbed "undisturbed runs in a row leave nothing"
	quick=
	struck -w -w $many true
	sed -n 's|^call forker/call ||p' /tmp/log >/tmp/forks
	sed 's/^/# the forker: /' /tmp/forks
	for call in recvmsg clone close sendto; do
		ok "the forker makes calls of $call" grep -q " $call" /tmp/forks
	done
	harm :kill=forker .
	harm +:kill=forker .
	harm :stop=forker .
	harm +:stop=forker .
	harm +:delay=3000 .
	harm :fail=11 'recvmsg\|clone\|sendto' # (no kernel leaves open what close was called for)
	quick=-q
	unwritten
	row "runs in a row" forker+child child many 1 "" $many true
	row "runs in a row" client child many 1 "" $many true
	row "runs in a row" client forker many 1 "" $many true
	row "runs in a row" monitor forker many 1 "" $many true
	row "runs in a row" $all forker many 1 "" $many true
	row "runs in a row" $all+forker client many 1 "" $many true
	row "runs in a row" monitor monitor many 1 "" $many true
	end
fi

# The first change of the way back.
back=$(($(cat /tmp/calls/run.monitor.bench) + 1))
dead="-s monitor:$back:kill=monitor"
count recovery $dead $run true
undisturbed "a recovery leaves nothing"
# The monitor dies while nobody waits for it: the client has just taken leave of the benchmark.
unasked="-s client:$(($(cat /tmp/calls/run.client.bench) + 1)):kill=monitor"
count unasked $unasked $run true
undisturbed "a recovery that nobody asked for leaves nothing"
# All die, and a later quietbench finds it.
leave="monitor:$back:kill=$all"
struck -s "$leave" $run true
if as_before >/dev/null; then fail "all killed: something is left over"; else pass "all killed: something is left over"; fi
count later quietbench restore
undisturbed "a later restore leaves nothing"
count lease $lease
undisturbed "a lease leaves nothing"

row "run" monitor monitor run 1 "" $run true
row "run" client monitor run 1 "" $run true
row "run" guardian monitor run 1 "" $run true
row "run" $all monitor run 1 "" $run true
row "run" client client run 1 "" $run true
row "run" $all client run 1 "" $run true
row "run" guardian guardian run 1 "" $run true
row "run" child child run 1 "" $run true
row "deserted run" monitor monitor run "$back" "" $run desert
row "deserted run" guardian+monitor monitor run "$back" "" $run desert
row "lease" monitor monitor lease 1 "" $lease
row "lease" guardian+monitor monitor lease 1 "" $lease
row "lease" client client lease 1 "" $lease
row "recovery" recovery recovery recovery 1 "$dead" $run true
row "recovery" recovery+guardian recovery recovery 1 "$dead" $run true
row "recovery" recovery+guardian+client recovery recovery 1 "$dead" $run true
row "recovery unasked" recovery recovery unasked 1 "$unasked" $run true
row "later restore" monitor monitor later 1 "" quietbench restore
row "later restore" $all monitor later 1 "" quietbench restore

end
