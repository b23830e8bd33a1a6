#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# contrib/prometheus: the rules and the dashboard ask for metrics, labels and values that `check --prometheus` writes.
# (tests/full/prometheus.t has promtool judge them.)
. "$(dirname "$0")/lib.sh"
prometheus=$source/contrib/prometheus
run check -q --quick --prometheus "$tmp/home/quietbench.prom"
ok "check --prometheus: writes" [ -s quietbench.prom ]
asked() { grep -ohE 'quietbench_check_[a-z_]+' "$prometheus/alerts.yml" "$prometheus/dashboard.json" | sort -u; }
written() { sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' quietbench.prom | sort -u; }
ok "metrics are asked for" [ "$(asked | wc -l)" -ge 7 ]
is "each of them is written" "$(asked | grep -vxF "$(written)")" ""
is "the verdicts that are asked for are written" "$(grep -ohE 'verdict=\\?"[a-z]+' "$prometheus/alerts.yml" "$prometheus/dashboard.json" | tr -d '\\' | sort -u |
	while read -r verdict; do grep -qF "quietbench_check_verdict{$verdict\"}" quietbench.prom || echo "$verdict"; done)" ""
is "cron's file calls it so" "$(sed -n 's/.* root  \(quietbench check -q --prometheus\) .*/\1/p' "$prometheus/node-exporter.cron")" "quietbench check -q --prometheus"
judge='
	(.panels | map(.id) | unique | length) == (.panels | length)
	and all(.panels[]; .gridPos.x + .gridPos.w <= 24 and (.targets | length) > 0 and all(.targets[]; .expr != "" and .datasource.uid == "${datasource}"))
	and ([.templating.list[].name] == ["datasource", "instance"])'
is "the dashboard: panels, queries, variables" "$(jq "$judge" "$prometheus/dashboard.json")" true
is "no two panels in one place" "$(jq -r '[.panels[].gridPos] as $all | [range($all | length)] | [.[] as $i | .[] as $j | select($i < $j) | [$all[$i], $all[$j]]
	| select(.[0].x < .[1].x + .[1].w and .[1].x < .[0].x + .[0].w and .[0].y < .[1].y + .[1].h and .[1].y < .[0].y + .[0].h)] | length' "$prometheus/dashboard.json")" 0
finish
