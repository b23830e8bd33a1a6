#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# On a terminal, under a shell with job control: Ctrl-C, Ctrl-Z, fg, bg and what is typed.
. "$(dirname "$0")/lib.sh"

person "Ctrl-C ends the command, and the shell sees it" <<'END'
send $qb run --no-check -- sh -c 'echo begin''ning; exec sleep 100'\n
expect beginning
send ^C
expect ended by signal 2
expect ready> 
send echo status=$?\n
expect status=130
END
person "Ctrl-C comes once" <<'END'
send $qb run --no-check -- perl -e '$|=1; $SIG{INT}=sub{$n++}; print "begin","ning"; sleep 1 for 1..2; print "n=$n."'\n
expect beginning
send ^C
expect n=1.
expect ready> 
send echo status=$?\n
expect status=0
END
person "Ctrl-Z stops, fg continues, and the terminal is the command's again" <<'END'
send $qb run --no-check -- sh -c 'echo begin''ning; exec cat'\n
expect beginning
send one\n
expect one
expect one
send ^Z
expect Stopped
expect ready> 
send fg\n
pause 300
send two\n
expect two
expect two
send ^D
expect quietbench: 
expect ready> 
send echo status=$?\n
expect status=0
END
person "bg: it runs on; reading from the terminal stops it; fg" <<'END'
send $qb run --no-check -- sh -c 'echo begin''ning; read line; echo got $line'\n
expect beginning
send ^Z
expect ready> 
send bg\n
pause 500
send jobs\n
expect Stopped
expect ready> 
send fg\n
pause 300
send word\n
expect got word
expect ready> 
END
person "background lines do not stop it, even with tostop" <<'END'
send stty tostop\n
expect ready> 
send $qb run --no-check -- true & wait $!; echo status=$?\n
expect status=0
expect ready> 
END
person "a shell with job control of its own inside" <<'END'
send $qb run --no-check -- sh -i\n
expect NOT CONDITIONED
pause 500
send PS1='inner> '\n
expect inner> 
send sh -c 'echo go''ing; exec sleep 100'\n
expect going
send ^C
expect inner> 
send sh -c 'echo go''ing; exec sleep 100'\n
expect going
send ^Z
expect inner> 
send fg\n
pause 500
send ^C
expect inner> 
send exit 9\n
expect status 9
expect ready> 
send echo status=$?\n
expect status=9
END
person "colour for warnings" <<'END'
send $qb run --no-check -- true | cat\n
expect [1;33mNOT CONDITIONED
expect ready> 
END
person "NO_COLOR is honoured" <<'END'
send NO_COLOR=1 $qb run --no-check -- true\n
expect quietbench: NOT CONDITIONED
expect ready> 
END
finish
