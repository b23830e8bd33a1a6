#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make install and uninstall, into a folder: what is there then, and that nothing stays behind.
. "$(dirname "$0")/lib.sh"
dest=$tmp/dest
there() { (cd "$dest" && find . -type f -o -type l) | sort; }
make_it() { make -s -C "$source" BUILD="$build" DESTDIR="$dest" "$1" >"$tmp/out" 2>&1 || { sed 's/^/# /' "$tmp/out"; false; }; }

ok "make install" make_it install
is "the programs, the profiles, the manual, the policy's example, the schema" "$(there)" "$(
	cat <<-EOT | sort
		./usr/local/bin/quietbench
		./usr/local/libexec/quietbench/quietbench-helper
		./usr/local/libexec/quietbench/quietbench-planner
		./usr/local/share/man/man5/quietbench-policy.5
		./usr/local/share/man/man7/quietbench-levers.7
		./usr/local/share/quietbench/policy.yaml
		./usr/local/share/quietbench/record.schema.json
		$(cd "$source" && for file in profiles/*.yaml; do echo "./usr/local/share/quietbench/$file"; done)
	EOT
)"
is "no program has a setuid bit" "$(find "$dest" -perm /7000)" ""
ok "make uninstall" make_it uninstall
is "nothing stays behind" "$(there)" ""
finish
