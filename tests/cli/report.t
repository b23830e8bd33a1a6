#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# report: one page of one or more records. Its sentences and tables are whole without scripts; its pictures are drawn here by
# a browser that has no network, whose console must stay empty.
. "$(dirname "$0")/lib.sh"
cp "$build/report.html" "$tmp/build"

# figure FILE BASE: a record with a claim, and with a command whose name is an attack on the page
cat >bench <<'EOF'
n=$(($(cat "count-$1" 2>/dev/null || echo 0) + 1))
echo "$n" >"count-$1"
echo "took $(($1 + n * 7 % 10)).0 us"
EOF
run compare -q -r 12 --measure 'regex:took ([0-9.]+ us)' -o compare.json 'sh bench 1000' 'sh bench 1050 "</script><img src=x>"'
run run -q --no-check -r 3 -o many.json true
run run -q --timeline --no-check -o one.json -- sleep 0.5
run prove -q -r 24 -o prove.json -- true
run check --quick -q --duration 300ms -o check.json
run check --soak 10s --json
printf '%s' "$out" >soak.json

run report compare.json many.json one.json prove.json check.json soak.json -o page.html
is "all kinds of record: status" "$status" 0
is "all kinds of record: nothing is said" "$err$out" ""
page=$(grep -v '^<script' page.html)
like "the claim stands in it" "$page" '<p class="claim">B is [45]\.[0-9]+ % slower than A \['
like "what prove found" "$page" '<p class="claim">(not conditioned: |not shown )'
like "how the runs were" "$page" '<td>median 1\.00[0-9] ms \[1\.00[0-9], 1\.00[0-9]\], MNAD 0\.[0-9]+ %, 1\.000 to 1\.009; 12 runs</td>'
like "how a soak went" "$page" '<p class="claim">[0-9]+ of [0-9]+ blocks of 10 s were noisy</p>'
like "what was noisy in it" "$page" '<th scope="col">noisy blocks</th>'
is "a table of runs each" "$(printf '%s\n' "$page" | grep -c '<summary>[0-9]* runs*</summary>')" 4
is "text of a command is text" "$(grep -c '</script><img' page.html)" 0
like "of the command, too" "$page" '&lt;/script&gt;&lt;img'
is "the scripts end where they should" "$(grep -c '^</script>' page.html)" 2
like "nothing may be fetched" "$(cat page.html)" "default-src 'none'"

# ---- in a browser ----
browse() {
	timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/browser" --enable-logging=stderr "$@" "file://$PWD/page.html" 2>"$tmp/console"
}
browse --dump-dom >dom
is "nothing on the console" "$(grep -i 'CONSOLE' "$tmp/console")" ""
# history; compare: differences, runs, spread; many: runs, spread; timeline; prove: runs, spread; check: heat (if it saw any gap); soak
ok "pictures are drawn" [ "$(grep -o '<svg' dom | wc -l)" -ge 9 ]
like "a soak's time is that of a clock" "$(grep -o '<figure data-chart="soak".*' dom)" '>[0-2][0-9]:[0-5][0-9]:[0-5][0-9]</text>'
ok "each run is a dot" [ "$(grep -o 'class="dot"' dom | wc -l)" -ge 80 ]
like "that can be reached and read" "$(cat dom)" 'tabindex="0"[^>]*aria-label="run 1, [AB]: '
# A hundred thousand runs: all in the record, of each what is drawn in the page, and as many dots as a browser draws at ease.
jq -c '.runs = [range(33334) as $i | .runs[]]' many.json >thousands.json
run report thousands.json -o page.html
is "a hundred thousand runs: status" "$status" 0
ok "a hundred thousand runs: some megabytes" [ "$(wc -c <page.html)" -lt 20000000 ]
browse --dump-dom >dom
dots=$(grep -o 'class="dot"' dom | wc -l)
ok "a hundred thousand runs: some thousand dots ($dots)" [ "$dots" -ge 1000 -a "$dots" -le 6000 ]
like "a hundred thousand runs: that is said" "$(grep -o 'Of [0-9]* runs the least and the greatest of each' dom | head -1)" 'Of 100002 runs the least and the greatest of each'
run report compare.json -o page.html
browse --print-to-pdf="$PWD/page.pdf" >/dev/null
ok "on paper" [ "$(head -c 5 page.pdf)" = '%PDF-' ]

# ---- bad input ----
run report
is "no record: status" "$status" 2
like "no record" "$err" '^quietbench: report: expected quietbench report RECORD\.\.\. -o FILE\.html$'
run report compare.json
is "no page: status" "$status" 2
run report -o other.html nosuch.json
is "not there: status" "$status" 1
like "not there" "$err" '^quietbench: read nosuch\.json: No such file'
cp compare.json precious.json
run report one.json precious.json -o ./precious.json
like "in the place of a record" "$err" '^quietbench: -o \./precious\.json would put the page in the place of that record$'
ok "and it is still there" cmp compare.json precious.json
run report -o other.html .
like "a folder" "$err" '^quietbench: read \.: Is a directory$'
run report -o other.html -- -o
like "behind -- all are records" "$err" '^quietbench: read -o: No such file'
head -c 500 compare.json >short.json
run report -o other.html short.json
like "truncated" "$err" '^quietbench: short\.json: no JSON: line [0-9]+: '
sed 's,quietbench/record/1,quietbench/record/9,' compare.json >later.json
run report -o other.html compare.json later.json
like "of another version" "$err" '^quietbench: later\.json: not a record of this version \(schema quietbench/record/9\)'
echo '[1, 2]' >list.json
run report -o other.html list.json
like "no record at all" "$err" '^quietbench: list\.json: not a record of this version \(schema none\)'
ok "and no page was written" [ ! -e other.html ]
run report -o /nosuch/page.html compare.json
like "a page that cannot be written" "$err" '^quietbench: cannot write /nosuch/page\.html: '
finish
