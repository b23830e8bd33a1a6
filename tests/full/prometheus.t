#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# promtool judges contrib/prometheus: the rules, what they do in time, every query of the dashboard, what check writes.
. "$(dirname "$0")/../cli/lib.sh"
prometheus=$source/contrib/prometheus
judged() { promtool "$@" >"$tmp/out" 2>&1 || { sed 's/^/# /' "$tmp/out"; false; }; }
ok "the rules" judged check rules "$prometheus/alerts.yml"
ok "what they do" judged test rules "$prometheus/alerts-test.yml"
jq '{groups: [{name: "dashboard", rules: [[.panels[].targets[].expr] | to_entries[] | {record: "query:\(.key)", expr: (.value | gsub("\\$instance"; ".*"))}]}]}' \
	"$prometheus/dashboard.json" >queries.yml
ok "there are queries" [ "$(jq '.groups[].rules | length' queries.yml)" -ge 8 ]
ok "every query of the dashboard" judged check rules "$PWD/queries.yml"
# Their verdict: 2 quiet, 1 undecided, 0 noisy
jq '{rule_files: [], tests: [{interval: "1m", input_series: [{a: "001", b: "100", c: "010"} | to_entries[] | .key as $host | (.value / "")[0:3]
	| to_entries[] | {series: "quietbench_check_verdict{instance=\"\($host)\",verdict=\"\(["noisy", "undecided", "quiet"][.key])\"}", values: .value}],
	promql_expr_test: [{expr: $query, eval_time: "0m", exp_samples: [{labels: "{instance=\"a\"}", value: 2}, {labels: "{instance=\"b\"}", value: 0},
	{labels: "{instance=\"c\"}", value: 1}]}]}]}' --null-input --arg query "$(jq -r '.panels[0].targets[0].expr | gsub("\\$instance"; ".*")' "$prometheus/dashboard.json")" >verdict.yml
ok "the verdict as a number" judged test rules "$PWD/verdict.yml"
run check -q --quick --prometheus "$tmp/home/quietbench.prom"
ok "what check writes" sh -c 'promtool check metrics <quietbench.prom'
finish
