#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Criterion.rs for real: a small crate, built from Debian's librust-criterion-dev as Debian builds crates (cargo, offline,
# its registry in place of crates.io), run under compare and read by it. Building takes minutes, so this is of check-full.
# Alone: its runs have CPUs to themselves.
. "$(dirname "$0")/../cli/lib.sh"
home=$(getent passwd "$(id -u)" | cut -d: -f6) # lib.sh has another, and cargo may be a rustup of this one
registry=/usr/share/cargo/registry
if ! ls -d $registry/criterion-0.3* >/dev/null 2>&1; then
	echo "1..0 # SKIP needs librust-criterion-dev"
	exit 0
fi
target=$build/criterion # built once
mkdir -p "$tmp/crate/.cargo" "$target"
cp -r "$source/tests/full/criterion/." "$tmp/crate"
cat >"$tmp/crate/.cargo/config.toml" <<END
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$registry"
END
(cd "$tmp/crate" && HOME=$home cargo build --benches --release --offline --target-dir "$target") >cargo.log 2>&1
built=$?
is "it is built from Debian's crates" "$built" 0
[ "$built" = 0 ] || sed 's/^/# /' cargo.log
# Of the executables the one that is the benchmark says so.
cp "$(find "$target/release/deps" -maxdepth 1 -name 'add-*' -type f -perm -u+x -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)" add

bench="./add --bench --noplot"
run compare -q --no-check -r 12 --json --measure criterion --shell "N=5000 $bench" "N=10000 $bench"
is "Criterion: status" "$status" 0
is "Criterion: a row each" "$(printf '%s' "$out" | jq -r '[.experiment.figures[].name] | sort | join(" ")')" "add/1 add/2"
is "Criterion: what is claimed" "$(printf '%s' "$out" | jq -r '[.experiment.figures[].differences[].claim] | unique | join(" ")')" more
ok "Criterion: and how much" [ "$(printf '%s' "$out" | jq '[.experiment.figures[].differences[].interval.ratio | . > 1.3 and . < 3] | all')" = true ]
run compare -q --no-check -r 6 --measure criterion --shell "N=5000 $bench" true
is "a benchmark of an earlier run: status" "$status" 3
like "a benchmark of an earlier run" "$err" '^quietbench: run [0-9]+ \(B\): criterion: there is no \*/new/estimates\.json of this run in target/criterion'
finish
