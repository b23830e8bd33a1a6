# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL for each process, and for all, at each change that one of them makes: the rows of tests/crash/kill.t, on a
# real kernel. On the kernel's command line qb.profile=NAME says what is run, and qb.part=K/OF that of all kills,
# numbered through, every OFth is made, from the Kth on.
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
	kills=$((kills + row)) all_bad=$((all_bad + bad))
	[ "$row" != 0 ] || return 0
	text="$name, $victims killed at the $role's changes: $row kills, $bad left something"
	if [ "$bad" = 0 ]; then pass "$text"; else fail "$text"; fi
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

policies=/sys/devices/system/cpu/cpufreq
# Governors that somebody tuned: the kernel forgets that when the last policy leaves them.
echo ondemand >$policies/policy2/scaling_governor
echo 77 >$policies/ondemand/up_threshold
start_odd 5 a c 9
before

count run $run true
sed 's/^/# /' /tmp/out
undisturbed "an undisturbed run leaves nothing"
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

echo "# $((kills - missed)) kills of $number, $all_bad left something; $(cut -d. -f1 /proc/uptime) s"
ok "nearly all calls came: $missed of $kills did not" [ $((missed * 20)) -le $((kills + 20)) ]
stop_odd
done_testing
