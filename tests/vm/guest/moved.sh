# SPDX-License-Identifier: GPL-2.0-or-later
# A user's run executes a set-uid program that becomes root's altogether, beside a process of the user's own.
. /qb/guest-lib.sh
v2=/sys/fs/cgroup
[ -e $v2/cgroup.procs ] || v2=
chmod 1777 /tmp
mkdir -p /etc/quietbench
printf 'version: 1\nrules:\n  - {name: all, who: [user:tester], classes: [S, D], cpus: {max: 100%%}}\n' >/etc/quietbench/policy.yaml
cat >/tmp/command <<'X'
sudo -n -- /bin/sleep 3600 & echo $! >/tmp/suid
setsid sleep 3601 & echo $! >/tmp/own
until [ "$(sed -n 's/^Uid:.//p' /proc/$(cat /tmp/suid)/status)" = "$(printf '0\t0\t0\t0')" ]; do sleep 0.1; done
mv /tmp/own /tmp/begun
until [ -e /tmp/go ]; do sleep 0.1; done
X
# who is in the group of one of several runs, beside it
cat >/tmp/stay <<'X'
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$$/cgroup)
else
	group=$(echo /sys/fs/cgroup/cpuset /sys/fs/cgroup/*cpuset* | cut -d' ' -f1)$(sed -n 's/^[0-9]*:cpuset://p' /proc/$$/cgroup)
fi
read -r parent <"/proc/$PPID/comm"
members=
while read -r pid; do
	case $pid in
	$$) ;;
	*) read -r comm <"/proc/$pid/comm" && members="$members $comm" && echo "$pid" >>/tmp/forkers ;;
	esac
done <"$group/cgroup.procs"
[ "$parent$members" = "quietbench quietbench-fork" ] && echo "the forker and the command" >>/tmp/each || echo "$parent:$members" >>/tmp/each
X
cat >/tmp/leave <<'X'
. /tmp/stay
setsid sleep 3602 >/dev/null 2>&1 &
X
if [ -n "$v2" ]; then
	mkdir $v2/user1000 && chown 1000:1000 $v2/user1000 $v2/user1000/cgroup.procs
	home=/user1000
else
	home=/
fi
before
sudo_works

# start WAY: the run, from the user's own group
start() {
	rm -f /tmp/suid /tmp/begun /tmp/go
	cat >/tmp/enter <<-X
		[ -z "$v2" ] || echo \$\$ >$v2/user1000/cgroup.procs
		exec su tester -c "exec /qb/build/quietbench run --no-check -p default -s cpus.isolation=$1 -- sh /tmp/command"
	X
	sh /tmp/enter >/tmp/run.out 2>&1 &
	client=$!
	ok "$1: it began" within 60 [ -e /tmp/begun ]
	suid=$(cat /tmp/suid) own=$(cat /tmp/begun)
	ok "$1: root's process is in the run's group" [ "$(group "$suid")" != $home ]
}
# is_free NAME PID: it lives where the run came from, on all CPUs, and is not frozen
is_free() {
	ok "$1: it lives" within 10 kill -0 "$2"
	ok "$1: where the run came from" within 10 [ "$(group "$2")" = $home ]
	is "$1: on all CPUs" "$(list "$2")" 0-3
	is "$1: it sleeps and is not frozen" "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$2/status")" S
}

for way in partition shield affinity none; do
	case $v2$way in partition | */shield) continue ;; esac
	start $way
	kill -KILL "$client"
	wait "$client"
	ok "$way, client killed: the user's own process ends" within 20 gone "$own"
	quiet_again "$way, client killed"
	is_free "$way, client killed: root's process" "$suid"
	kill "$suid"
	wait

	start $way
	touch /tmp/go
	wait "$client"
	is "$way, command ended: status" "$?" 0
	ok "$way, command ended: both are named" sh -c 'grep -q "sleep.*$0" /tmp/run.out && grep -q "$1" /tmp/run.out' "$suid" "$own"
	is_free "$way, command ended: root's process" "$suid"
	is_free "$way, command ended: the user's process" "$own"
	kill "$suid" "$own"
	ok "$way, command ended: they are gone" within 10 gone "$own"
	quiet_again "$way, command ended"

	# Many runs are born in one group: none is beside what the one before it left there.
	rm -f /tmp/each /tmp/forkers
	sed 's/--no-check -p/-r 3 -w 1 --no-check -o \/tmp\/each.json -p/; s/ sh \/tmp\/command/ sh \/tmp\/leave/' /tmp/enter >/tmp/repeat
	sh /tmp/repeat >/tmp/run.out 2>&1
	is "$way, three runs: status" "$?" 0
	is "$way, three runs: children of one parent, beside nobody but the forker" "$(sort -u /tmp/each)" "the forker and the command"
	is "$way, three runs: with that of the warm-up" "$(wc -l </tmp/each)" 4
	is "$way, three runs: each was watched" "$(jq '[.runs[].reasons[]? | select(test("ticks"))] | length' /tmp/each.json)" 0
	for own in $(pidof sleep); do
		ok "$way, three runs: what one left lives" kill -0 "$own"
		is "$way, three runs: what one left is where the run came from" "$(group "$own")" $home
		kill "$own"
	done
	quiet_again "$way, three runs"
	rm -f /tmp/each /tmp/forkers
	sed -i 's/leave/stay/' /tmp/repeat
	sh /tmp/repeat >/tmp/run.out 2>&1
	is "$way, three runs that leave nothing: status" "$?" 0
	is "$way, three runs that leave nothing: each was born there" "$(sort -u /tmp/each)" "the forker and the command"
	is "$way, three runs that leave nothing: of one forker" "$(sort -u /tmp/forkers | wc -l)" 1
	quiet_again "$way, three runs that leave nothing"
done

# ---- BORN, from tester, who says of all kinds of processes that they are the benchmark ----
cp /bin/attacker /bin/attacker-set-uid && chmod 4755 /bin/attacker-set-uid
# attack NAME WAY: the attacker, as tester in the user's group; it speaks to a helper that sudo has started
attack() {
	cat >/tmp/enter-attack <<-X
		[ -z "$v2" ] || echo \$\$ >$v2/user1000/cgroup.procs
		exec su tester -c "ATTACK_HELPER=/qb/build/quietbench-helper ATTACK_ISOLATION=$2 exec attacker $1"
	X
	sh /tmp/enter-attack >/tmp/attack.out 2>&1
}
# pids as one word: what is told is the same whoever it is told of
told() { sed 's/[0-9][0-9]*/N/g' /tmp/attack.out; }
for way in partition shield affinity; do
	case $v2$way in partition | */shield) continue ;; esac
	attack born-inside $way
	is "$way, BORN: placed, 0, negative, outside, grandchild, thread, set-uid; a child; again; a second; dead; not waited for; beside a stopped one; placed beside it; restored" \
		"$(told)" "$(cat <<-'X'
			done
			process N was not born in the run's group, or has ended
			task N has ended
			task -N has ended
			process N was not born in the run's group, or has ended
			process N is not a child of the client, process N
			process N is not a child of the client, process N
			process N is not a child of the client, process N
			done
			place the benchmark: the process N was placed before it and still runs
			place the benchmark: the process N was placed before it and still runs
			task N has ended
			process N was not born in the run's group, or has ended
			done
			place the benchmark: the process N was placed before it and still runs
			request N is not permitted in state N
		X
		)"
	quiet_again "$way, BORN"
	rm -f /tmp/attack.go
	attack born-late $way &
	attacker=$!
	ok "$way, BORN when the host is restored: there is a child" within 60 grep -q ready /tmp/attack.out
	kill -TERM "$(parent "$(monitor)")"
	ok "$way, BORN when the host is restored: it is" within 20 as_before 'process/*'
	touch /tmp/attack.go
	wait "$attacker"
	is "$way, BORN when the host is restored: refused" "$(told)" "$(
		printf '%s\n' done ready 'the host was restored before the command began: the helper was told to end')"
	quiet_again "$way, BORN when the host is restored"
done

# ---- threaded groups below the run's: their processes are found, ended or moved as any, and the groups go ----
if [ -n "$v2" ]; then
	cat >/tmp/command <<-'X'
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
	mkdir $group/mine && echo threaded >$group/mine/cgroup.type && echo $$ >$group/mine/cgroup.threads
	setsid sleep 3602 & echo $! >/tmp/own
	cat /proc/self/cgroup >/tmp/where
	mv /tmp/own /tmp/begun
	until [ -e /tmp/go ]; do sleep 0.1; done
	X
	# threaded: the run begins, as root, who may make such groups; sets client and own
	threaded() {
		rm -f /tmp/begun /tmp/go
		quietbench run --no-check -p default -- sh /tmp/command >/tmp/run.out 2>&1 &
		client=$!
		ok "threaded: it began" within 60 [ -e /tmp/begun ]
		own=$(cat /tmp/begun)
		ok "threaded: in a group of its own making" says 'quietbench.*/mine$' /tmp/where
	}
	threaded
	kill -KILL "$client"
	wait "$client"
	ok "threaded, client killed: it ends" within 20 gone "$own"
	quiet_again "threaded, client killed"
	threaded
	touch /tmp/go
	wait "$client"
	is "threaded, command ended: status" "$?" 0
	is "threaded, command ended: who stays was moved back" "$(group "$own")" /
	kill "$own"
	ok "threaded, command ended: it is gone" within 10 gone "$own"
	quiet_again "threaded, command ended"
fi

# ---- a chain: each process forks the next one and ends, so that the list of members is never right ----
cat >/tmp/chain <<'X'
: >/tmp/linked
[ -e /tmp/stop ] || { sh /tmp/chain & }
X
printf 'sh /tmp/chain; touch /tmp/begun; until [ -e /tmp/go ]; do sleep 0.1; done\n' >/tmp/command
unlinked() { rm -f /tmp/linked && sleep 0.5 && [ ! -e /tmp/linked ]; }
rm -f /tmp/begun /tmp/go
sh /tmp/enter >/tmp/run.out 2>&1 &
client=$!
ok "chain: it began" within 60 [ -e /tmp/begun ]
kill -KILL "$client"
wait "$client"
ok "chain, client killed: it ends" within 20 unlinked
quiet_again "chain, client killed"

rm -f /tmp/begun
sh /tmp/enter >/tmp/run.out 2>&1 &
client=$!
ok "chain: it began again" within 60 [ -e /tmp/begun ]
touch /tmp/go
wait "$client"
is "chain, command ended: status" "$?" 0
rm -f /tmp/linked
ok "chain, command ended: it goes on" within 10 [ -e /tmp/linked ]
touch /tmp/stop
ok "chain, command ended: until it is told to stop" within 20 unlinked
quiet_again "chain, command ended"
done_testing
