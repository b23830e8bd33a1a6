#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# quietbench provision on substituted hosts: /etc, /var/lib, /boot and /usr/sbin are folders of the test, the boot
# loaders' tools are stand-ins that do what theirs do to what they read. The real ones: tests/sysvm/provision.t.
# golden/provision-*.out as in query.t. Kills: without QB_FULL every eighth.
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP only root can provision a host"
	exit
fi

# world NAME HOST LOADER [KEY=VALUE...]: a machine in $tmp/NAME whose boot loader is grub, grubby, kernel-install or none
world() {
	w=$tmp/$1
	mkdir -p "$w/etc/sysctl.d" "$w/etc/tmpfiles.d" "$w/etc/default" "$w/etc/systemd/system/multi-user.target.wants" \
		"$w/lib" "$w/boot" "$w/sbin" "$w/units"
	"$source/tests/hosts/make-host" "$2" "$w/host" || exit 1
	mkdir -p "$w/host/run/systemd/system"
	for unit in irqbalance.service man-db.timer fstrim.timer; do echo '[Unit]' >"$w/units/$unit"; done
	echo 'BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet' >"$w/host/proc/cmdline"
	echo 'vm.swappiness = 10' >"$w/etc/sysctl.d/10-admin.conf"
	case $3 in
		grub)
			printf '%s\n' 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"' 'GRUB_CMDLINE_LINUX="root=/dev/vda1 ro"' >"$w/etc/default/grub"
			cat >"$w/sbin/update-grub" <<-'EOT'
				#!/bin/sh
				. /etc/default/grub
				for x in /etc/default/grub.d/*.cfg; do [ -e "$x" ] && . "$x"; done
				echo "linux /vmlinuz $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT" >/boot/grub.cfg.new
				mv /boot/grub.cfg.new /boot/grub.cfg
			EOT
			;;
		grubby)
			echo 'root=/dev/vda1 ro quiet' >"$w/boot/entry"
			cat >"$w/sbin/grubby" <<-'EOT'
				#!/bin/sh
				[ "$1" = --update-kernel=ALL ] || exit 1
				args=" $(cat /boot/entry) "
				for word in ${2#*=}; do
					case $args in *" $word "*) args="${args%% $word *} ${args#* $word }" ;; esac
					case $2 in --args=*) args="$args$word " ;; esac
				done
				echo $args >/boot/entry
			EOT
			;;
		kernel-install)
			mkdir -p "$w/boot/loader/entries"
			cat >"$w/sbin/kernel-install" <<-'EOT'
				#!/bin/sh
				[ "$1" = add ] && [ $# = 3 ] || exit 1
				if [ -f /etc/kernel/cmdline ]; then options=$(cat /etc/kernel/cmdline); else
					options=$(tr -s ' ' '\n' </proc/cmdline | grep -v ^BOOT_IMAGE= | tr '\n' ' ')
				fi
				case $options in *systemd.machine_id=*) ;; *) options="${options% } systemd.machine_id=7" ;; esac
				echo "options $options" >/boot/loader/entries/linux.conf
			EOT
			echo 'options root=/dev/vda1 ro quiet systemd.machine_id=7' >"$w/boot/loader/entries/linux.conf"
			;;
	esac
	chmod 755 "$w"/sbin/* 2>/dev/null
	[ ! -e "$w/sbin/update-grub" ] || in_world update-grub
	rm -rf "$w.was"
	cp -a "$w" "$w.was"
}
# in_world COMMAND...: executes it in the world $w
in_world() {
	unshare -m sh -c 'w=$1; with_host=$2; shift 2
		mount --bind "$w/etc" /etc && mount --bind "$w/lib" /var/lib && mount --bind "$w/boot" /boot &&
		mount --bind "$w/units" /usr/lib/systemd/system && mount --bind "$w/sbin" /usr/sbin || exit 99
		exec "$with_host" "$w/host" "$@"' world "$w" "$build/tests/with-host" "$@"
}
# provision ARG...: in the world $w; sets status, out, err
provision() {
	in_world "$qb" provision "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}
# As it was before: all of /etc, /var/lib, /boot.
pristine() {
	for part in etc lib boot; do diff -r --no-dereference "$w.was/$part" "$w/$part" || return 1; done
	[ "$(cd "$w.was" && find etc lib boot | sort)" = "$(cd "$w" && find etc lib boot | sort)" ]
}
# What was applied by the whole command is in $w.applied.
applied() {
	for part in etc boot; do diff -r --no-dereference "$w.applied/$part" "$w/$part" || return 1; done
	grep -v ^boot "$w/lib/quietbench/provision" | diff - "$tmp/journal"
}
remember_applied() {
	rm -rf "$w.applied"
	cp -a "$w" "$w.applied"
	grep -v ^boot "$w/lib/quietbench/provision" >"$tmp/journal"
}
back_to() {
	for part in etc lib boot; do
		find "$w/$part" -mindepth 1 -delete
		cp -a "$w.$1/$part/." "$w/$part"
	done
}
# golden NAME: $out is as in golden/NAME.out
golden() {
	file=$source/tests/cli/golden/$1.out
	[ "${QB_GOLDEN:-}" != write ] || printf '%s\n' "$out" >"$file"
	ok "$1: as in golden/$1.out" [ "$out" = "$(cat "$file")" ]
	[ "$out" = "$(cat "$file")" ] || printf '%s\n' "$out" | diff "$file" - | sed 's/^/# /'
}
# valid FILE: it is as contrib/schema has it, and holds nothing that is not named there. Debian's own python3: another one
# on the PATH would not have its packages.
jq 'walk(if type == "object" and .type == "object" and .properties then .additionalProperties //= false else . end)' \
	"$source/contrib/schema/provision.schema.json" >"$tmp/closed.json"
valid() { /usr/bin/python3 -W ignore -m jsonschema -i "$1" "$tmp/closed.json" >"$tmp/invalid" 2>&1 || { sed 's/^/# /' "$tmp/invalid" && false; }; }
boots_with() { # ARGUMENT: after a boot with what the loader has
	sed -n 's/^linux //p; s/^options //p' "$w"/boot/grub.cfg "$w"/boot/loader/entries/linux.conf 2>/dev/null >"$w/host/proc/cmdline"
	[ ! -e "$w/boot/entry" ] || cat "$w/boot/entry" >"$w/host/proc/cmdline"
	grep -q -- "$1" "$w/host/proc/cmdline"
}

# ---- usage ----
run provision
is "without a verb: status" "$status" 2
like "without a verb: says which there are" "$err" 'expected one of plan, apply, verify, undo'
run provision boot
is "another verb: status" "$status" 2
like "another verb: is named" "$err" 'undo, not boot'
run provision plan now
is "something behind it: status" "$status" 2
run provision apply -p default
is "nobody: status" "$status" 1
like "nobody: says whom it takes" "$err" "needs the host's root"
run provision verify
is "verify of nothing: status" "$status" 3

# ---- the plan ----
world grub small-boost grub
provision plan -p dohost
is "plan: status" "$status" 0
golden provision-grub
ok "plan: writes nothing" pristine
provision plan -p dohost --json
ok "plan --json: is JSON, each item with reason and price" sh -c 'jq -e ".schema == \"quietbench/provision/1\" and ([.items[] | select((.why | length) > 9 and (.price | length) > 9)] | length) == (.items | length)" "$1/out" >"$1/jq"' sh "$tmp"
ok "plan --json: as the schema has it" valid "$tmp/out"
is "plan --json: it would change something" "$(jq .changed "$tmp/out")" true
cp "$tmp/out" "$tmp/plan.json"
# Each of these breaks a promise of the schema's, and it must notice.
for wrong in '.schema = "quietbench/provision/2"' 'del(.changed)' '.command = "verify"' '.items[0].kind = "boot"' '.items[0].state = "refused"' \
	'del(.items[0].price)' '.files[0].path = "/root/.profile"' '.benchmark = "0x3"' '.boot_loader.name = "lilo"' 'del(.files)' '.later = 1'; do
	jq "$wrong" "$tmp/plan.json" >"$tmp/wrong.json"
	ok "the schema refuses $wrong" sh -c '! /usr/bin/python3 -W ignore -m jsonschema -i "$1" "$2" >"$3" 2>&1 && grep -q . "$3"' sh \
		"$tmp/wrong.json" "$tmp/closed.json" "$tmp/invalid"
done
provision plan -p strict --json
ok "plan -p strict --json: as the schema has it" valid "$tmp/out"
provision plan -n all
is "every CPU: status" "$status" 2
like "every CPU: says why not" "$err" 'housekeeping'

# ---- apply, verify, undo ----
provision apply -p dohost -v
is "apply: status" "$status" 0
like "apply: says what next" "$err" 'provision verify'
ok "apply: GRUB has the arguments" grep -q 'quiet isolcpus=managed_irq,domain,[0-9,-]* .*skew_tick=1' "$w/boot/grub.cfg"
is "apply: timers are masked" "$(readlink "$w/etc/systemd/system/man-db.timer")" /dev/null
ok "apply: irqbalance is banned" grep -q '^Environment=IRQBALANCE_BANNED_CPULIST=' "$w/etc/systemd/system/irqbalance.service.d/quietbench.conf"
ok "apply: turbo is off at boot" grep -q '^w /sys/devices/system/cpu/cpufreq/boost - - - - 0$' "$w/etc/tmpfiles.d/quietbench.conf"
ok "apply: sysctl" grep -q '^kernel.timer_migration = 0$' "$w/etc/sysctl.d/quietbench.conf"
ok "apply: nothing is left beside them" [ -z "$(find "$w" -name '*quietbench-new')" ]
remember_applied
provision apply -p dohost
is "apply again: status" "$status" 0
provision apply -p dohost --json
ok "apply again --json: as the schema has it" valid "$tmp/out"
is "apply again --json: nothing was changed" "$(jq .changed "$tmp/out")" false
provision plan -p dohost --json
is "plan again --json: nothing would be changed" "$(jq .changed "$tmp/out")" false
provision verify --json
ok "verify --json before the boot: as the schema has it" valid "$tmp/out"
is "verify --json before the boot: says so" "$(jq .booted "$tmp/out")" false
provision apply -p dohost
like "apply again: nothing to do" "$err" 'nothing was changed'
ok "apply again: changes nothing (MUST 5)" applied
provision verify
is "verify before the boot: status" "$status" 1
like "verify before the boot: says so" "$out" 'NO .*isolcpus=.*has not booted since|isolcpus'
ok "a boot with GRUB's arguments" boots_with isolcpus=
list=$(sed -n 's/.*isolcpus=managed_irq,domain,\([^ ]*\).*/\1/p' "$w/host/proc/cmdline")
echo "$list" >"$w/host/sys/devices/system/cpu/isolated"
provision apply -p dohost
is "apply after the boot, where those CPUs are isolated: status" "$status" 0
ok "apply after the boot: changes nothing" applied
provision apply -p dohost -n 1
ok "apply -n of as many: changes nothing" applied
provision verify --json
ok "verify --json: as the schema has it" valid "$tmp/out"
is "verify: what did not take is told" "$(jq -r '.items[] | select(.name == "isolcpus" or .name == "kernel.timer_migration") | .took_effect' "$tmp/out" | tr '\n' ' ')" "yes no "
sed -i 's/^item mask\t/item of-another-version\t/' "$w/lib/quietbench/provision"
provision undo
is "undo, also of an item of another version: status" "$status" 0
ok "undo: nothing is left" pristine
provision undo
is "undo again: status" "$status" 0
like "undo again: says so" "$err" 'nothing is provisioned'

# ---- -n counts cores, or with smt: share CPUs ----
world siblings intel-hwp none
# benchmark ARG...: the CPUs that plan would take
benchmark() { provision plan --json "$@" && jq -r .benchmark "$tmp/out"; }
cores=$(benchmark -n 2)
provision apply -n 2 -s cpus.smt=share
siblings=$(benchmark)
ok "two CPUs of one core are provisioned, and two cores are others" [ "$siblings" != "$cores" ]
is "-n 2 of CPUs: as provisioned" "$(benchmark -n 2 -s cpus.smt=share)" "$siblings"
is "-n 2 of cores: two cores" "$(benchmark -n 2)" "$cores"
is "-n max: as provisioned" "$(benchmark -n max)" "$siblings"

# ---- what is not ours (MUST 1), what somebody changed (MUST 4) ----
world foreign small-boost grub
echo '# mine' >"$w/etc/sysctl.d/quietbench.conf"
mkdir "$w/etc/systemd/system/irqbalance.service.d"
ln -s /dev/null "$w/etc/systemd/system/fstrim.timer"
echo '[Timer]' >"$w/etc/systemd/system/man-db.timer"
rm -rf "$w.was"
cp -a "$w" "$w.was"
provision apply -p dohost -v
is "foreign files: status" "$status" 1
provision apply -p dohost --json
ok "foreign files: apply --json: as the schema has it" valid "$tmp/out"
is "foreign files: apply --json: not complete" "$(jq .complete "$tmp/out")" false
provision apply -p dohost -v
like "foreign files: are told" "$err" 'sysctl.d/quietbench.conf is not ours'
like "foreign files: a unit of the administrator's" "$err" 'man-db.timer is not ours'
like "foreign files: masked by somebody else" "$err" 'fstrim.timer: somebody else has masked it'
is "foreign files: stay" "$(cat "$w/etc/sysctl.d/quietbench.conf" "$w/etc/systemd/system/man-db.timer")" "# mine
[Timer]"
provision undo
ok "foreign files: stay after undo, too" pristine
provision apply -p dohost
echo 'GRUB_TIMEOUT=3' >>"$w/etc/default/grub.d/quietbench.cfg"
provision apply -p dohost
is "changed since: apply: status" "$status" 1
like "changed since: apply tells" "$err" 'grub.d/quietbench.cfg was changed since'
provision undo
is "changed since: undo: status" "$status" 1
provision undo --json
ok "changed since: undo --json: as the schema has it" valid "$tmp/out"
is "changed since: undo --json: what is kept" "$(jq -r '.files[] | select(.did == "kept" and .type == "file") | .path' "$tmp/out")" /etc/default/grub.d/quietbench.cfg
provision undo
like "changed since: undo tells" "$err" 'kept: .*quietbench.cfg was changed since; to remove it: --force'
ok "changed since: it is kept" grep -q GRUB_TIMEOUT "$w/etc/default/grub.d/quietbench.cfg"
provision undo
is "changed since: undo again: the same" "$status" 1
provision undo --force
is "changed since: undo --force: status" "$status" 0
ok "changed since: undo --force: nothing is left" pristine
sed -i 's/$/ isolcpus=1/' "$w/host/proc/cmdline"
provision apply -p dohost
is "arguments of somebody else's: status" "$status" 1
provision plan -p dohost --json
ok "arguments of somebody else's: plan --json: as the schema has it" valid "$tmp/out"
provision apply -p dohost
like "arguments of somebody else's: are not set against theirs" "$err" 'refused: isolcpus=.*booted with isolcpus=1'
ok "arguments of somebody else's: the others are there" grep -q skew_tick=1 "$w/boot/grub.cfg"
ok "arguments of somebody else's: not that one" sh -c '! grep -q isolcpus= "$1"' sh "$w/boot/grub.cfg"
provision undo
ok "arguments of somebody else's: undone" pristine

# ---- another plan takes the place of the first ----
provision apply -p default
provision apply -p minimal -s cpus.isolation=none
is "a smaller plan: status" "$status" 0
ok "a smaller plan: what it does not want is gone" [ ! -e "$w/etc/default/grub.d" ]
provision undo
ok "a smaller plan: undone" pristine

# ---- who cannot have it ----
in_world "$build/tests/with-host" --pid-ns "$w/host" "$qb" provision apply >"$tmp/out" 2>&1
is "a container: status" "$?" 1
like "a container: says so" "$(cat "$tmp/out")" 'container'
in_world sh -c 'mount -o remount,bind,ro /etc && exec "$@"' sh "$qb" provision apply >"$tmp/out" 2>&1
is "/etc is read-only: status" "$?" 1
like "/etc is read-only: says so" "$(cat "$tmp/out")" '/etc cannot be written'
mkdir -p "$w/lib/quietbench"
echo 'something else' >"$w/lib/quietbench/provision"
provision undo
is "a journal that is none: status" "$status" 1
like "a journal that is none: says so" "$err" 'not a journal of this version'
printf '%s\n' 'quietbench-provision 1' 'state done' 'file /root/.profile' '|x' end >"$w/lib/quietbench/provision"
provision undo
is "a journal with a path elsewhere (MUST 6): status" "$status" 1
rm -r "$w/lib/quietbench"
printf '#!/bin/sh\necho cannot find a device >&2\nexit 1\n' >"$w/sbin/update-grub"
provision apply -p default
is "update-grub fails: status" "$status" 1
like "update-grub fails: its own words" "$err" 'update-grub ended with status 1: cannot find a device'
like "update-grub fails: what to do" "$err" 'undone by: quietbench provision undo'
cp -a "$w.was/sbin/update-grub" "$w/sbin"
provision undo
ok "update-grub failed: undone" pristine

# ---- other boot loaders ----
world grubby small-hwp grubby
provision apply -p default
is "grubby: status" "$status" 0
ok "grubby: has them" grep -q '^root=/dev/vda1 ro quiet isolcpus=' "$w/boot/entry"
boots_with isolcpus=
provision apply -p default
like "grubby: again" "$err" 'nothing was changed'
provision undo
ok "grubby: undone" pristine

world install small-hwp kernel-install
provision apply -p default
is "kernel-install: status" "$status" 0
ok "kernel-install: the entry has them" grep -q '^options root=/dev/vda1 ro quiet isolcpus=' "$w/boot/loader/entries/linux.conf"
boots_with isolcpus=
provision apply -p default
like "kernel-install: again" "$err" 'nothing was changed'
provision undo
ok "kernel-install: undone, though the running kernel has them" pristine
mkdir "$w/etc/kernel"
echo 'root=/dev/vda1' >"$w/etc/kernel/cmdline"
echo 'root=/dev/vda1 ro quiet' >"$w/host/proc/cmdline"
provision apply -p default
like "kernel-install with arguments of somebody else's: they are told" "$err" 'the kernel arguments: isolcpus='
is "kernel-install: their file stays" "$(cat "$w/etc/kernel/cmdline")" root=/dev/vda1
provision undo
like "kernel-install: what to remove by hand" "$err" 'by hand: isolcpus='

world image small-hwp grubby
: >"$w/host/run/ostree-booted"
provision apply -p default
like "a host of ostree: the arguments are told" "$err" 'the kernel arguments: isolcpus='
is "a host of ostree: grubby is not called" "$(cat "$w/boot/entry")" 'root=/dev/vda1 ro quiet'
provision undo
ok "a host of ostree: undone" pristine

# ---- killed at every change (MUST 2, MUST 3) ----
# kill_at N VERB HOW: it is killed at its Nth change, or that fails; false: it has no such
kills=0
kill_at() {
	in_world "$build/tests/strike" -l /dev/null -s "client:$1:$3" "$qb" provision $2 -p dohost >"$tmp/strike" 2>&1
}
# kill_matrix LOADER HOW
kill_matrix() {
	loader=$1
	every=8
	[ -z "${QB_FULL:-}" ] || first=1 every=1
	provision apply -p dohost
	remember_applied
	for verb in apply undo; do
		n=$first
		bad=
		while back_to "$([ $verb = apply ] && echo was || echo applied)"; kill_at $n $verb $2; [ $? = 0 ]; do
			kills=$((kills + 1))
			[ -z "$(find "$w/etc" -name 'quietbench*' ! -name '*-new' -type f -size 0)" ] || bad="$bad $n:torn"
			rm -rf "$w.struck"
			mkdir "$w.struck"
			cp -a "$w/etc" "$w/lib" "$w/boot" "$w.struck"
			if [ $verb = apply ]; then
				provision apply -p dohost
				applied >"$tmp/diff" 2>&1 || bad="$bad $n:apply"
				back_to struck
			fi
			provision undo
			[ "$status" = 0 ] && pristine >"$tmp/diff" 2>&1 || bad="$bad $n:undo"
			n=$((n + every))
		done
		is "$loader: $verb, $2 at its changes, then mended" "$bad" ""
		[ -z "$bad" ] || { sed 's/^/# /' "$tmp/diff" "$tmp/err"; }
	done
}
first=1
for loader in grub grubby kernel-install; do
	world "kill-$loader" small-boost $loader
	kill_matrix $loader kill=client
	first=$((first + 3))
done
world fail-grub small-boost grub
kill_matrix grub fail=28
echo "# $kills kills"
ok "there were kills" [ $kills -gt 20 ]
finish
