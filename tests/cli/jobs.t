#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Job control of every kind: whoever stops and continues what - the terminal, the shell, somebody who knows the command
# alone, a debugger -, quietbench is stopped as long as its command is, and no longer.
. "$(dirname "$0")/lib.sh"

# napper SECONDS SIGNAL: stops itself, alone, and gets the signal after so long, alone.
cat >napper <<'END'
#!/bin/sh
(sleep "$1"; kill -"$2" $$) &
kill -STOP $$
echo went on
END
# waiter: waits for the file go, all in one process
cat >waiter <<'END'
#!/usr/bin/perl
$| = 1;
open my $pid, '>', 'pid';
print $pid "$$\n";
close $pid;
print "begin", "ning\n";
select undef, undef, undef, 0.05 until -e 'go';
print "en", "ded\n";
END
cat >script <<END
$qb run --no-check -- "\$@"
echo the script goes on
END
chmod 755 napper waiter script
within() { # COMMAND...: succeeds within 10 s
	for _ in $(seq 200); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
says_nothing_of() { ok "$1: no word of \"$2\"" [ "$(grep -c "$2" "$tmp/transcript")" = 0 ]; }

for shell in 'dash -i' 'bash --norc --noediting -i'; do
	which=${shell%% *}
	person "$which: the command alone is stopped, and continued" $shell <<'END'
send $qb run --no-check -- ./napper 2 CONT\n
expect Stopped
expect ready> 
expect went on
expect quietbench: 
pause 300
send echo now\n
expect Done
expect ready> 
END
	person "$which: the command alone is stopped, and killed" $shell <<'END'
send $qb run --no-check -- ./napper 2 KILL\n
expect Stopped
expect ready> 
expect ended by signal 9
pause 300
send jobs; echo no""ne\n
expect none
END
	person "$which: the command is stopped for a moment" $shell <<'END'
send $qb run --no-check -- ./napper 0.1 CONT\n
expect went on
expect quietbench: 
expect ready> 
END
	says_nothing_of "$which: the command is stopped for a moment" Stopped
	rm -f go
	person "$which: Ctrl-Z, and the command alone is continued" $shell <<'END'
send $qb run --no-check -- ./waiter\n
expect beginning
send ^Z
expect Stopped
expect ready> 
send touch go; kill -CONT $(cat pid)\n
expect ended
expect quietbench: 
END
	rm -f go
	person "$which: Ctrl-Z, and quietbench alone is continued" $shell <<'END'
send $qb run --no-check -- ./waiter\n
expect beginning
send ^Z
expect Stopped
expect ready> 
send touch go; kill -CONT $(ps -o ppid= -p $(cat pid))\n
expect ended
expect quietbench: 
END
	rm -f go
	person "$which: Ctrl-Z twice, fg and bg" $shell <<'END'
send $qb run --no-check -- ./waiter\n
expect beginning
send ^Z
expect Stopped
expect ready> 
send fg\n
pause 300
send ^Z
expect Stopped
expect ready> 
send bg\n
expect ready> 
send touch go\n
expect ended
expect quietbench: 
END
	rm -f go
	person "$which: a script without job control, Ctrl-Z and fg" $shell <<'END'
send sh ./script ./waiter\n
expect beginning
send ^Z
expect Stopped
expect ready> 
send touch go; fg\n
expect ended
expect the script goes on
expect ready> 
END
	person "$which: a script without job control, the command alone is stopped, and continued" $shell <<'END'
send sh ./script ./napper 2 CONT\n
expect went on
expect the script goes on
expect ready> 
END
	rm -f go
	person "$which: the whole group is stopped by SIGSTOP, and continued" $shell <<'END'
send $qb run --no-check -- ./waiter &\n
expect beginning
send kill -STOP %1; sleep 1; touch go; kill -CONT %1\n
expect ended
expect quietbench: 
END
	person "$which without job control: the command alone is stopped, and continued" $shell <<'END'
send set +m\n
expect ready> 
send $qb run --no-check -- ./napper 2 CONT; echo status=$?\n
expect went on
expect status=0
END
done

# ---- the shell dies ----
gone() { ! kill -0 "$1" 2>/dev/null; }
for which in dash bash; do
	rm -f go pid parent
	person "$which is killed while a job is stopped" $which -i <<'END'
send $qb run --no-check -- ./waiter\n
expect beginning
send ^Z
expect Stopped
expect ready> 
send ps -o ppid= -p $(cat pid) >parent; kill -KILL $$\n
await parent
pause 300
END
	ok "$which is killed: its command ends" within gone "$(cat pid)"
	ok "$which is killed: so does quietbench" within gone "$(cat parent)"
	rm -f go pid parent
	person "$which is killed while a job that ignores SIGHUP is stopped" $which -i <<'END'
send nohup $qb run --no-check -o nohup.json -- ./waiter >/dev/null 2>&1\n
await pid
send ^Z
expect Stopped
expect ready> 
send ps -o ppid= -p $(cat pid) >parent; kill -KILL $$\n
await parent
pause 300
END
	ok "$which is killed: the job goes on" kill -0 "$(cat pid)"
	touch go
	ok "$which is killed: and ends as ever" within gone "$(cat parent)"
	is "$which is killed: with a record" "$(jq '.runs[0].exit.code' nohup.json)" 0
	rm -f nohup.json
done

# ---- no shell ----
begin() {
	rm -f go pid
	$user setsid "$@" >got 2>&1 </dev/null &
	session=$!
}
: >got
chmod 666 got
begin "$qb" run --no-check -q -- ./napper 1 CONT
wait "$session"
is "a session of its own: the command alone is stopped, and continued" "$? $(cat got)" "0 went on"
begin "$qb" run --no-check -q -- ./waiter
within [ -s pid ]
kill -TSTP -"$session"
sleep 0.7
is "a session of its own: nobody could continue what SIGTSTP stops" "$(ps -o stat= -p "$session,$(cat pid)" | grep -c T)" 0
touch go
wait "$session"
is "a session of its own: it ends as ever" "$?" 0
begin "$qb" run --no-check -q -- setsid ./napper 1 CONT
wait "$session"
is "the command has a session of its own, and is stopped, and continued" "$? $(cat got)" "0 went on"

# ---- who stops and continues ----
rm -f go pid
person "cpulimit on the command" bash --norc --noediting -i <<'END'
send $qb run --no-check -- perl -e 'open F,">pid";print F $$;close F;$|=1;print "begin","ning\n";$e=time+4;1 while time<$e;print "en","ded\n"' &\n
expect beginning
send cpulimit -z -l 30 -p $(cat pid) >limited 2>&1 &\n
expect ended
expect quietbench: 
pause 300
send \n
expect Done
END
says_nothing_of "cpulimit on the command" Stopped
like "cpulimit found its process" "$(cat limited)" 'Process [0-9]+ (found|detected)'
rm -f go pid
person "gdb attaches to the command, and lets it go" bash --norc --noediting -i <<'END'
send $qb run --no-check -- ./waiter &\n
expect beginning
send gdb -nx -batch -p $(cat pid) -ex 'info proc' -ex detach >attached 2>&1; echo g""db=$?\n
expect gdb=0
send touch go\n
expect ended
expect quietbench: 
END
says_nothing_of "gdb attaches to the command" Stopped
like "gdb was there" "$(cat attached)" '^process [0-9]+'
person "under gdb" bash --norc --noediting -i <<'END'
send gdb -nx -batch -ex run --args $qb run --no-check -- echo in''side\n
expect inside
expect exited normally
expect ready> 
END
person "gdb as the command" bash --norc --noediting -i <<'END'
send $qb run --no-check -- gdb -nx -batch -ex run --args echo in''side; echo status=$?\n
expect inside
expect exited normally
expect status=0
END
finish
