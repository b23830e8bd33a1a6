#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The packages: made of the tarball (which is so built without git), lintian has nothing to say, rpmbuild takes the spec; and
# Debian's is installed, used, upgraded during a lease, removed and purged in a guest.
QB_VM_NO_PROGRAMS=1
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# made NAME COMMAND...: a test; what the command printed is shown where it fails
made() {
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		vm_result ok "$name"
	else
		sed 's/^/# /' "$work/out"
		vm_result "not ok" "$name"
	fi
}
make_it() { make -s --no-print-directory -C "$vm_top" BUILD="$work/build" "$@"; }
built() { cp "$work/build/deb"/quietbench_*_*.deb "$work/$1.deb"; }

made "make deb: lintian has nothing to say" make_it deb
built first
made "an upgrade of it" make_it DEB_VERSION="$(sed -n 's/^VERSION := //p' "$vm_top/Makefile")+upgrade" deb
built second
# Debian has these packages by other names.
made "make rpm" make_it RPMBUILD='rpmbuild --nodeps' rpm
package=$(echo "$work"/build/rpm/RPMS/*/quietbench-*.rpm)
rpm -qpl "$package" >"$work/rpm"
made "has the programs, the unit, the manual" grep -cE '^/usr/(bin/quietbench|libexec/quietbench/quietbench-helper|lib/systemd/system/quietbench.socket|share/man/man7/quietbench-levers.7.*)$' "$work/rpm"
made "the same files as Debian's, but for the documentation and where units are" diff \
	<(dpkg-deb --fsys-tarfile "$work/first.deb" | tar -t | sed -n 's|^\.||; s|^/lib/|/usr/lib/|; s|zsh/vendor-completions|zsh/site-functions|; s|\.gz$||; /[^/]$/p' | grep -vE '^/usr/share/(doc|lintian|licenses)/' | sort) \
	<(sed 's|\.gz$||' "$work/rpm" | grep -vE '^/usr/share/(doc|licenses)/|^/usr/lib/\.build-id|^/usr/(libexec|share)/quietbench(/profiles|/ci|/slurm)?$' | sort)

# What it depends on and the guest has not.
(cd "$work" && mkdir needs && cd needs && apt-get -qq download libhwloc15 libcpupower1 libyaml-0-2 libjansson4 libmd0) >"$work/out" 2>&1 ||
	sed 's/^/# /' "$work/out"
guest "Debian" -s 1,2,2 -t 900 -f "$work/needs:/qb/needs" -f "$work/first.deb:/qb/first.deb" -f "$work/second.deb:/qb/second.deb" guest/packages.sh
finish
