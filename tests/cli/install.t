#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make install and uninstall, into a folder: what is there then, and that nothing stays behind.
. "$(dirname "$0")/lib.sh"
dest=$tmp/dest
there() { (cd "$dest" && find . -type f -o -type l) | sort; }
make_it() { make -s -C "$source" BUILD="$build" DESTDIR="$dest" "$1" >"$tmp/out" 2>&1 || { sed 's/^/# /' "$tmp/out"; false; }; }

ok "make install" make_it install
is "the programs, the profiles, the manual, the schema, what lets users in" "$(there)" "$(
	cat <<-EOT | sort
		./usr/local/bin/quietbench
		./usr/local/libexec/quietbench/quietbench-helper
		./usr/local/libexec/quietbench/quietbench-planner
		./usr/local/libexec/quietbench/quietbench-watcher
		$([ ! -e "$build/quietbench-bus" ] || echo ./usr/local/libexec/quietbench/quietbench-bus)
		./usr/local/share/man/man5/quietbench-policy.5
		./usr/local/lib/systemd/system/quietbench.socket
		./usr/local/lib/systemd/system/quietbench@.service
		./usr/local/lib/sysusers.d/quietbench.conf
		./usr/local/lib/tmpfiles.d/quietbench.conf
		./usr/local/share/man/man7/quietbench-levers.7
		./usr/local/share/quietbench/policy.yaml
		./usr/local/share/man/man7/quietbench-security.7
		./usr/local/share/man/man7/quietbench-ci.7
		./usr/local/share/quietbench/record.schema.json
		./usr/local/share/quietbench/report.html
		./usr/local/share/quietbench/check.schema.json
		./usr/local/share/quietbench/sudoers
		$(cd "$source" && for file in profiles/*.yaml; do echo "./usr/local/share/quietbench/$file"; done)
	EOT
)"
is "nothing has a setuid bit" "$(find "$dest" -perm /7000)" ""
helper=/usr/local/libexec/quietbench/quietbench-helper
is "sudo is asked for exactly the helper" "$(grep -o "= /[^ ]* .*" "$dest/usr/local/share/quietbench/sudoers")" "= $helper \"\""
ok "sudo understands it" env PATH="$PATH:/usr/sbin" visudo -cqf "$dest/usr/local/share/quietbench/sudoers"
unit=$dest/usr/local/lib/systemd/system
is "the unit starts the helper, and recovers with it" "$(sed -n 's/^Exec[A-Za-z]*=//p' "$unit/quietbench@.service")" "$helper
$helper --recover"
ok "the helper keeps capabilities" grep -q '^	CAP_SYS_' "$source/src/helper/sandbox.c"
is "the unit may what the helper keeps" \
	"$(sed -n 's/^CapabilityBoundingSet=//p' "$unit/quietbench@.service" | tr ' ' '\n' | sort)" \
	"$(sed -n '/^static const cap_value_t needed/,/^}/s/^\t\(CAP_[A-Z_]*\).*/\1/p' "$source/src/helper/sandbox.c" | sort)"
like "the helper knows a socket" "$(cat "$source/include/quietbench/protocol.h")" '^#define QB_SOCKET_PATH "/run/[a-z.]+"$'
is "the socket is where the helper knows it" "$(sed -n 's/^ListenSequentialPacket=//p' "$unit/quietbench.socket")" \
	"$(sed -n 's/^#define QB_SOCKET_PATH "\(.*\)"/\1/p' "$source/include/quietbench/protocol.h")"
ok "make uninstall" make_it uninstall
is "nothing stays behind" "$(there)" ""
finish
