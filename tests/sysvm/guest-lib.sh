# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# guest-lib.sh: what guest scripts share where systemd is process 1, on top of ../vm/guest-lib.sh.
. /qb/guest-lib.sh
export PATH="$PATH:/usr/sbin:/sbin"

# units: every unit that is not simply inactive, with its states; and what enables, masks or changes units: files
units() {
	systemctl show '*' -p Id -p ActiveState -p SubState -p UnitFileState -p FreezerState |
		awk -F= '
			$1 != "" { value[$1] = $2; next }
			{ tell() }
			END { tell() }
			function tell() {
				if (value["ActiveState"] != "inactive")
					print value["Id"], value["ActiveState"], value["SubState"], value["UnitFileState"], value["FreezerState"]
				delete value
			}' | sort
	find /etc/systemd /run/systemd/system /run/systemd/transient /run/systemd/system.control ! -type d -printf '%p %l\n' 2>/dev/null | sort
}
units_as_before() { units >/tmp/units.after && diff /tmp/units.before /tmp/units.after; }
host_before() { before && units >/tmp/units.before; }
# irqbalance spreads the interrupts anew whenever it is told of CPUs, within ten seconds and not as they were: what it
# does after us is no business of ours. That our own restore is exact, masks_come_back proves. Started again, it has
# another process id, which is in the name of its socket. What it was told last it keeps to itself, so that is noted.
host_as_before() {
	as_before '/proc/irq/*/smp_affinity *' 'socket//run/irqbalance/*' '/run/quietbench/irqbalance *' "$@" && units_as_before
}

masks() { grep . /proc/irq/[0-9]*/smp_affinity; }
# It wakes up every ten seconds and may do so between the restore and our look, but not three times in a row.
masks_come_back() {
	for attempt in 1 2 3; do
		sleep 11 # what it was last told it has done by then
		masks >/tmp/masks.before
		quietbench run --no-check -p default -- true || return 1
		masks >/tmp/masks.after
		diff /tmp/masks.before /tmp/masks.after && return 0
		echo "attempt $attempt: see above"
	done
	return 1
}
# The CPUs that irqbalance was told to leave alone, as a mask; its own answer to its own client's question
banned() {
	perl -MIO::Socket::UNIX -e '
		my ($path) = glob "/run/irqbalance/irqbalance*.sock";
		my $irqbalance = IO::Socket::UNIX->new($path) or die "no irqbalance at $path: $!\n";
		$irqbalance->syswrite("setup") or die "cannot ask irqbalance: $!\n";
		my ($mask) = join("", <$irqbalance>) =~ /BANNED ([0-9a-f,]+)/ or die "irqbalance gave no answer\n";
		print hex($mask =~ tr/,//dr), "\n";'
}
# states UNIT: "active running": is it active, is it frozen
states() { echo $(systemctl show -p ActiveState -p FreezerState --value "$1"); }

# with COMMAND...: a run, with the options in $options, during which COMMAND is executed; status in $ended
with() {
	rm -f /tmp/during* /tmp/go
	# shellcheck disable=SC2086 # a list of options
	quietbench run --no-check -v -o /tmp/record $options -- observe sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done; exit 3' >/tmp/run.out 2>/tmp/run.err &
	client=$!
	within 300 [ -e /tmp/during ] || { fail "the benchmark started" /tmp/run.err; done_testing; }
	"$@"
	touch /tmp/go
	wait "$client"
	ended=$?
}
# as USER SCRIPT: a shell's script from a login of USER, which is a session of systemd's
as() { su -l "$1" -c "PATH=/qb/build:\$PATH; $2"; }
# of LEVER UNIT: what the record says became of it
of() { jq -r --arg lever "$1" --arg unit "$2" '.levers[] | select(.lever == $lever and .unit == $unit) | .status' /tmp/record; }
restored() { jq -c '.restore | [.complete, .conflicts, .failures]' /tmp/record; }

# The host is up, and has nothing more to do.
is "systemd has started all" "$(systemctl is-system-running --wait)" running
systemctl list-units --failed --no-legend --no-pager | sed 's/^/# failed: /'
echo "# up after $(cut -d' ' -f1 /proc/uptime) s"
