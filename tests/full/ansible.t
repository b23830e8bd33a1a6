#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# contrib/ansible played by ansible-playbook on a host that is a mount namespace: this machine's Debian with layers over it that take all
# that is written, and a substituted /sys and /proc below. A package and a source are installed, the host is provisioned, a boot is
# made believe, all is undone. What each play would change it says before (--check), and a second time it changes nothing.
. "$(dirname "$0")/../cli/lib.sh"
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP only root can provision a host"
	exit
fi
layers='etc usr var root boot'
w=$tmp/world
mkdir -p "$w"
"$source/tests/hosts/make-host" small-boost "$w/host" || exit 1
echo 'BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet' >"$w/host/proc/cmdline"
for layer in $layers; do mkdir -p "$w/$layer/upper" "$w/$layer/work"; done
mkdir -p "$w/etc/upper/default" "$w/usr/upper/sbin" "$w/etc/upper/ansible"
echo 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"' >"$w/etc/upper/default/grub"
cat >"$w/usr/upper/sbin/update-grub" <<'EOT'
#!/bin/sh
. /etc/default/grub
for x in /etc/default/grub.d/*.cfg; do [ -e "$x" ] && . "$x"; done
echo "linux /vmlinuz root=/dev/vda1 ro $GRUB_CMDLINE_LINUX_DEFAULT" >/boot/grub.cfg
EOT
chmod 755 "$w/usr/upper/sbin/update-grub"

# in_world COMMAND...: executes it in the world
in_world() {
	unshare -m sh -c 'w=$1 layers=$2 with_host=$3; shift 3
		for layer in $layers; do
			mount -t overlay overlay -o "lowerdir=/$layer,upperdir=$w/$layer/upper,workdir=$w/$layer/work" "/$layer" || exit 99
		done
		exec "$with_host" "$w/host" "$@"' world "$w" "$layers" "$build/tests/with-host" "$@"
}
printf '[benchmark]\nbenchmark-1 ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n' >"$tmp/hosts"
# play OPTION...: sets status and out, and changed as the recap has it
play() {
	in_world env ANSIBLE_NOCOLOR=1 ansible-playbook -i "$tmp/hosts" "$source/contrib/ansible/benchmark-hosts.yml" "$@" >"$tmp/out" 2>&1 </dev/null
	status=$?
	out=$(cat "$tmp/out")
	changed=$(sed -n 's/^benchmark-1 .*changed=\([0-9]*\).*/\1/p' "$tmp/out")
}

# written: all that is on the host, but for Ansible's own folder for what it does there
written() { (cd "$w" && find host etc/upper usr/upper var/upper boot/upper -printf '%p %y %m %s %T@ %l\n' | sort); }
# changes NAME OPTION...: what it would change --check tells and does not do; played, it changes something; again, nothing
changes() {
	what=$1
	shift
	written >"$tmp/written.before"
	play --check "$@"
	is "$what: --check: status" "$status" 0
	ok "$what: --check: would change something" [ "${changed:-0}" -gt 0 ]
	written >"$tmp/written"
	ok "$what: --check: changes nothing" diff "$tmp/written.before" "$tmp/written"
	play "$@"
	is "$what: status" "$status" 0
	[ "$status" = 0 ] || sed 's/^/# /' "$tmp/out"
	ok "$what: changes something" [ "${changed:-0}" -gt 0 ]
	told=$out
	written >"$tmp/written.before"
	play "$@"
	is "$what: again: status and changes" "$status ${changed:-none}" "0 0"
	[ "${changed:-0}" = 0 ] || grep -B 1 '^changed' "$tmp/out" | sed 's/^/# /'
	written | grep -v ' d ' >"$tmp/written"
	grep -v ' d ' "$tmp/written.before" >"$tmp/before"
	ok "$what: again: writes nothing" diff "$tmp/before" "$tmp/written"
	play --check "$@"
	is "$what: again with --check: status and changes" "$status ${changed:-none}" "0 0"
}
# boot: the host is booted with what GRUB has; systemd's part of it is made believe, too
boot() {
	sed 's/^linux [^ ]* //' "$w/boot/upper/grub.cfg" >"$w/host/proc/cmdline"
	sed -n 's/.*isolcpus=managed_irq,domain,\([^ ]*\).*/\1/p' "$w/host/proc/cmdline" >"$w/host/sys/devices/system/cpu/isolated"
	cat /proc/sys/kernel/random/uuid >"$w/host/proc/sys/kernel/random/boot_id"
	sed -n 's/^\([a-z].*[a-z]\) = /\1 /p' "$w/etc/upper/sysctl.d/quietbench.conf" | while read -r key value; do
		echo "$value" >"$w/host/proc/sys/$(echo "$key" | tr . /)"
	done
}
ok "the playbook's syntax" ansible-playbook --syntax-check -i "$tmp/hosts" "$source/contrib/ansible/benchmark-hosts.yml"

# ---- a package ----
make -s --no-print-directory -C "$source" BUILD="$tmp/made" deb >"$tmp/deb.out" 2>&1 || sed 's/^/# /' "$tmp/deb.out"
deb=$tmp/made/deb/quietbench_$(sed -n 's/^VERSION := //p' "$source/Makefile")_$(dpkg --print-architecture).deb
play -e quietbench_deb=
is "nothing to install: status" "$status" 2
like "nothing to install: says what is missing" "$out" 'set quietbench_deb or quietbench_source'
changes "a package" -e quietbench_deb="$deb"
like "a package: says when it takes effect" "$told" 'takes effect at the next boot'
ok "a package: GRUB has the arguments" grep -q isolcpus= "$w/boot/upper/grub.cfg"

boot
play -e quietbench_deb="$deb"
is "a boot after which nothing masks interrupts: status" "$status" 2
like "a boot after which nothing masks interrupts: is told" "$out" '"irqaffinity=0,2"'
changes "undone" -e quietbench_deb="$deb" -e quietbench_provisioned=false
ok "undone: GRUB has no argument of ours" sh -c '! grep isolcpus= "$1"' sh "$w/boot/upper/grub.cfg"
ok "undone: no file of ours in /etc" [ ! -e "$w/etc/upper/sysctl.d/quietbench.conf" ]
in_world dpkg --purge quietbench >"$tmp/purge" 2>&1

# ---- a source, and a smaller plan, which can take effect here ----
make -s --no-print-directory -C "$source" DIST="$tmp/source.tar.gz" dist
cat >"$tmp/vars.json" <<EOF
{"quietbench_source": "$tmp/source.tar.gz", "quietbench_users": ["bench"], "quietbench_policy": "$source/contrib/policy/policy.yaml",
 "quietbench_provision": ["-p", "default", "-s", "cpus.isolation=none", "-s", "frequency.governor=unset", "-s", "irqs.move=false"]}
EOF
changes "a source" -e "@$tmp/vars.json"
ok "a source: the program is there" [ -x "$w/usr/upper/local/bin/quietbench" ]
ok "a source: users are members" grep -q "^quietbench:.*:bench$" "$w/etc/upper/group"
ok "a source: so is the policy" cmp "$source/contrib/policy/policy.yaml" "$w/etc/upper/quietbench/policy.yaml"
boot
play -e "@$tmp/vars.json"
is "booted: status and changes" "$status ${changed:-none}" "0 0"
ok "booted: all has taken effect" grep -A 1 'All of it has taken effect' "$tmp/out"
is "booted: quietbench itself says so" "$(in_world /usr/local/bin/quietbench provision verify | grep -c '^all ')" 1

# ---- something in the way ----
play -e "@$tmp/vars.json" -e quietbench_provisioned=false
echo '# mine' >"$w/etc/upper/sysctl.d/quietbench.conf"
written >"$tmp/written.before"
play -e "@$tmp/vars.json"
is "a file of somebody else's: status" "$status" 2
like "a file of somebody else's: is named" "$out" '/etc/sysctl.d/quietbench.conf'
written | grep -v ' d ' >"$tmp/written"
ok "a file of somebody else's: nothing was written" sh -c 'grep -v " d " "$1" | diff - "$2"' sh "$tmp/written.before" "$tmp/written"
finish
