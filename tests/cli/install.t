#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make install and uninstall, into a folder: what is there then, and that nothing stays behind; make dist: a tarball that
# is made and builds without git.
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
		./usr/local/lib/systemd/system/quietbench.socket
		./usr/local/lib/systemd/system/quietbench@.service
		./usr/local/lib/sysusers.d/quietbench.conf
		./usr/local/lib/tmpfiles.d/quietbench.conf
		./usr/local/share/quietbench/policy.yaml
		./usr/local/share/quietbench/ci/benchmark
		./usr/local/share/quietbench/ci/gitlab.yml
		./usr/local/share/quietbench/slurm/epilog
		./usr/local/share/quietbench/slurm/prolog
		./usr/local/share/quietbench/folders
		$(cd "$source/contrib/man" && for page in *.[1-8]; do echo "./usr/local/share/man/man${page##*.}/$page"; done)
		./usr/local/share/bash-completion/completions/quietbench
		./usr/local/share/fish/vendor_completions.d/quietbench.fish
		./usr/local/share/zsh/site-functions/_quietbench
		./usr/local/share/quietbench/record.schema.json
		./usr/local/share/quietbench/report.html
		./usr/local/share/quietbench/check.schema.json
		./usr/local/share/quietbench/provision.schema.json
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
# What was there before stays, empty or not; what an administrator put beside ours, too.
ok "make uninstall" make_it uninstall
is "nothing stays behind" "$(find "$dest" -mindepth 1)" ""
mkdir -p "$dest/usr/local/share/man/man7" "$dest/usr/local/lib/systemd"
before=$(cd "$dest" && find .)
ok "make install, where some folders are" make_it install
ok "and again" make_it install
mkdir -p "$dest/usr/local/lib/systemd/system/quietbench@.service.d"
ok "make uninstall there" make_it uninstall
is "only what somebody else put beside it stays" "$(find "$dest/usr/local/lib/systemd" -mindepth 1 -printf '%P\n')" "system
system/quietbench@.service.d"
rmdir "$dest/usr/local/lib/systemd/system/quietbench@.service.d" "$dest/usr/local/lib/systemd/system"
is "and what was there before" "$(cd "$dest" && find .)" "$before"

# The tarball, and the tarball of what it unpacks to where nobody has git.
version=$(sed -n 's/^VERSION := //p' "$source/Makefile")
folder=quietbench-$version
dist() { make -s -C "$1" DIST="$tmp/$2.tar.gz" dist >"$tmp/out" 2>&1 || { sed 's/^/# /' "$tmp/out"; false; }; }
printf '#!/bin/sh\necho "no git here" >&2\nexit 1\n' >"$tmp/bin/git"
chmod 755 "$tmp/bin/git"
in_checkout() { (PATH=${PATH#"$tmp/bin:"} && "$@"); }
if [ -e "$source/.git" ]; then
	ok "make dist" in_checkout dist "$source" first
	is "has what git tracks" "$(tar -tf "$tmp/first.tar.gz" | sort)" "$(cd "$source" && in_checkout git ls-files | sed "s|^|$folder/|" | sort)"
else
	ok "make dist" dist "$source" first
fi
tar -xf "$tmp/first.tar.gz" -C "$tmp"
ok "make dist of that" dist "$tmp/$folder" second
ok "has the same files" [ "$(tar -tf "$tmp/first.tar.gz")" = "$(tar -tf "$tmp/second.tar.gz")" ]
ok "make dist a second time" dist "$tmp/$folder" third
ok "has the same bytes" cmp "$tmp/second.tar.gz" "$tmp/third.tar.gz"
# tests/full/packages.t builds all of it so.
ok "it builds" make -s -C "$tmp/$folder" BUILD="$tmp/again" "$tmp/again/tests/hostshot" "$tmp/again/obj/src/base/error.o" "$tmp/again/sudoers"
finish
