#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What quietbench-bus is where the helper starts it: root by name, with nothing (MUSTs of src/bus/main.c). And how it is said that
# there is none, that it dies, that it lies: never as if a unit were gone, and the host stays as it is.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
if [ ! -e "$build/quietbench-bus" ]; then
	echo "1..0 # SKIP built without libsystemd"
	exit 0
fi
"$source/tests/hosts/make-host" two-cpus "$tmp/host" || exit 1
cp -a "$tmp/host" "$tmp/before"
# A host whose process 1 is systemd, as far as a look tells; nobody listens on its bus.
mkdir -p "$tmp/host/run/systemd/system" "$tmp/host/run/dbus"
touch "$tmp/host/run/dbus/system_bus_socket"

for fake in fake library nothing none; do
	mkdir "$tmp/$fake"
	cp "$build/quietbench" "$build/quietbench-helper" "$build/quietbench-planner" "$tmp/$fake"
done
cp "$build/tests/fake-planner" "$tmp/fake/quietbench-bus" # it does what it is told, whatever its name
sed 's/libsystemd\.so\.0/libsystemd.so.9/' "$build/quietbench-bus" >"$tmp/library/quietbench-bus"
echo nothing >"$tmp/nothing/quietbench-bus"
chmod 755 "$tmp"/*/quietbench-bus

cat >"$tmp/table" <<'EOF'
report|Uid: 0 0 0 0 Gid: 0 0 0 0 .*CapInh: 0{16} CapPrm: 0{16} CapEff: 0{16} CapBnd: [0-9a-f]+ CapAmb: 0{16} NoNewPrivs: 1 Seccomp: 2 environment 0 limits 0 0 1024 60 cwd / fds 0 1 2$
other-version|the peer speaks protocol 99
oversized|a packet of more than 49152 bytes
foreign-type|quietbench-bus may not send BYE
crash|quietbench-bus: it died
nothing|quietbench-bus: it died
EOF
cat >"$tmp/story" <<EOF
cd $tmp/home
try() {
	timeout 100 "\$2/quietbench" run --no-check -v -p base -s cpus.isolation=none -s services.stop=[cron.service] -- true >$tmp/got.\$1 2>&1
	echo \$? >$tmp/got.\$1.status
}
for act in \$(sed -n 's/|.*//p' $tmp/table); do
	echo \$act >$tmp/fake/planner-does
	try \$act $tmp/fake
done
for other in library nothing none; do
	try without-\$other $tmp/\$other
done
try no-bus $tmp/build
# One that never answers is nobody's to wait for when the client has died.
echo hang >$tmp/fake/planner-does
$tmp/fake/quietbench run --no-check -p base -s cpus.isolation=none -s services.stop=[cron.service] -- true >$tmp/got.hang 2>&1 &
client=\$!
asked() {
	for helper in \$(pgrep -f $tmp/fake/quietbench-helper); do pgrep -P \$helper -f '^quietbench-bus\$' && return; done
	return 1
}
for i in \$(seq 600); do
	! asked >$tmp/asked || break
	sleep 0.05
done
kill -9 \$client
for i in \$(seq 600); do
	pgrep -f $tmp/fake/quietbench-helper >$tmp/left || break
	sleep 0.1
done
$tmp/build/quietbench status >$tmp/status 2>&1
EOF
"$build/tests/with-host" "$tmp/host" sh "$tmp/story" 2>"$tmp/story.err" || sed 's/^/# /' "$tmp/story.err"

cat >>"$tmp/table" <<'EOF'
without-library|systemd cannot be asked: quietbench-bus: .*libsystemd\.so\.9.*No such file
without-nothing|systemd cannot be asked: quietbench-bus: Exec format error
without-none|systemd cannot be asked: open quietbench-bus beside this program or in /.*: No such file
no-bus|reach the system bus: Connection refused
EOF
while IFS='|' read -r act says; do
	like "$act: says" "$(cat "$tmp/got.$act")" "$says"
	is "$act: status" "$(cat "$tmp/got.$act.status")" 0
done <"$tmp/table"
is "a bus that never answers was asked" "$(wc -l <"$tmp/asked")" 1
is "a bus that never answers: no helper remains for it" "$(cat "$tmp/left")" ""
is "a bus that never answers: the host" "$(cat "$tmp/status")" "not conditioned"
rm -r "$tmp/host/run"
values() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
is "the host is as it was" "$(values "$tmp/host")" "$(values "$tmp/before")"
finish
