# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host that is provisioned, boots, is used, is undone, and boots: one script, for the disk keeps it.
. /qb/debian-lib.sh
kept=/root/provision

# whole FOLDER: every entry with what can be seen of it, and what it holds
whole() {
	find "$1" -printf '%p %y %m %U:%G %l\n' | sort
	find "$1" -type f -exec sha256sum {} + | sort -k 2
}
grub_line() { sed -n 's|^[[:space:]]*linux[[:space:]]*/[^ ]* *||p' /boot/grub/grub.cfg | head -n 1; }
next_boot() {
	sync
	echo "# GRUB boots with: $(grub_line)"
	done_testing
}

before_it() {
	mkdir -p $kept /boot/grub
	cp /usr/share/grub/default/grub /etc/default/grub
	: >"/boot/vmlinuz-$(uname -r)" # GRUB's tools want one to make an entry of
	ok "GRUB's tools work here" update-grub
	whole /etc >$kept/etc
	grub_line >$kept/line
	cp /boot/grub/grub.cfg $kept/grub.cfg
	cat /sys/devices/system/cpu/cpufreq/boost >$kept/boost
	grep . /proc/sys/kernel/timer_migration /proc/sys/vm/stat_interval >$kept/sysctl
	quietbench provision plan -p dohost >/tmp/plan
	is "plan: status" "$?" 0
	sed 's/^/# /' /tmp/plan
	whole /etc >/tmp/etc
	ok "plan: changes nothing" cmp $kept/etc /tmp/etc
	quietbench provision apply -p dohost -v >/tmp/apply 2>&1
	is "apply: status" "$?" 0
	sed 's/^/# /' /tmp/apply
	ok "apply: it is GRUB's tools that were told" sh -c 'grep -q isolcpus= /boot/grub/grub.cfg'
	quietbench provision verify >/tmp/verify
	is "before the boot nothing has taken effect: status" "$?" 1
	ok "before the boot it says so" says 'has not booted since' /tmp/verify
	echo provisioned >$kept/now
	next_boot
}

provisioned() {
	sed 's/^/# /' /proc/cmdline
	list=$(sed -n 's/.*isolcpus=managed_irq,domain,\([^ ]*\).*/\1/p' /proc/cmdline)
	is "the kernel has isolated them" "$(cat /sys/devices/system/cpu/isolated)" "$list"
	is "turbo is off" "$(cat /sys/devices/system/cpu/cpufreq/boost)" 0
	is "the governor" "$(sort -u /sys/devices/system/cpu/cpufreq/policy*/scaling_governor)" performance
	is "sysctl" "$(cat /proc/sys/vm/stat_interval)" 120
	is "a timer is masked" "$(systemctl is-enabled fstrim.timer)" masked
	set_of "$list"
	isolated=$set
	bans() { banned=$(banned) && [ $((banned & isolated)) = $isolated ]; }
	ok "irqbalance keeps off" within 60 bans
	quietbench provision verify >/tmp/verify 2>&1
	is "verify: status" "$?" 0
	sed 's/^/# /' /tmp/verify
	quietbench provision apply -p dohost >/tmp/again 2>&1
	is "apply again: status" "$?" 0
	ok "apply again: nothing was changed" says 'nothing was changed' /tmp/again
	quietbench run -p dohost --no-check -o /tmp/record -- sh -c 'grep Cpus_allowed_list /proc/self/status' >/tmp/run.out 2>/tmp/run.err
	is "a run: status" "$?" 0
	sed 's/^/# /' /tmp/run.err
	set_of "$(sed 's/.*:\t//' /tmp/run.out)"
	is "a run: on the CPUs that were isolated" $((set & isolated)) "$set"
	is "a run: restored" "$(restored)" '[true,[],[]]'
	quietbench provision undo -v >/tmp/undo 2>&1
	is "undo: status" "$?" 0
	sed 's/^/# /' /tmp/undo
	is "undo: GRUB's tools generate the line that was" "$(grub_line)" "$(cat $kept/line)"
	echo undone >$kept/now
	next_boot
}

undone() {
	is "no argument of ours" "$(grep -o -e 'isolcpus[^ ]*' -e 'skew_tick[^ ]*' -e 'irqaffinity[^ ]*' -e 'default_governor[^ ]*' /proc/cmdline)" ""
	is "no CPU is isolated" "$(cat /sys/devices/system/cpu/isolated)" ""
	is "turbo as before" "$(cat /sys/devices/system/cpu/cpufreq/boost)" "$(cat $kept/boost)"
	is "sysctl as before" "$(grep . /proc/sys/kernel/timer_migration /proc/sys/vm/stat_interval)" "$(cat $kept/sysctl)"
	quietbench provision verify >/tmp/verify 2>&1
	is "verify: nothing is provisioned" "$?" 3
	whole /etc >/tmp/etc
	ok "all of /etc as before" diff $kept/etc /tmp/etc
	ok "GRUB's configuration as before" diff $kept/grub.cfg /boot/grub/grub.cfg
	ok "no journal" [ ! -e /var/lib/quietbench ]
	other_loader
	next_boot
}

# The same host as one of systemd-boot's: kernel-install makes the entries, of this boot's arguments where no file has them.
other_loader() {
	rm /etc/default/grub
	mkdir -p /boot/loader/entries "/boot/$(cat /etc/machine-id)"
	ok "kernel-install works here" kernel-install add "$(uname -r)" "/boot/vmlinuz-$(uname -r)"
	entry=$(echo /boot/loader/entries/*.conf)
	cp "$entry" /tmp/entry
	whole /etc >/tmp/etc.before
	quietbench provision apply -p dohost >/tmp/apply 2>&1
	is "kernel-install: apply: status" "$?" 0
	ok "kernel-install: the entry has the arguments" grep -q '^options .*isolcpus=managed_irq,domain' "$entry"
	sed -n 's/^options *//p' "$entry" >/tmp/cmdline
	mount --bind /tmp/cmdline /proc/cmdline # as after a boot with it
	quietbench provision apply -p dohost >/tmp/apply 2>&1
	ok "kernel-install: again: nothing was changed" says 'nothing was changed' /tmp/apply
	quietbench provision undo >/tmp/undo 2>&1
	is "kernel-install: undo: status" "$?" 0
	umount /proc/cmdline
	ok "kernel-install: the entry is as before" diff /tmp/entry "$entry"
	whole /etc >/tmp/etc
	ok "kernel-install: all of /etc is" diff /tmp/etc.before /tmp/etc
}

case $(cat $kept/now 2>/dev/null) in
	provisioned) provisioned ;;
	undone) undone ;;
	*) before_it ;;
esac
