#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# contrib/ci/benchmark as a CI runs it: a repository with a branch that does ten times the work of its base, one that does as
# much, and one that does not build. What it writes, what it ends with, and that nothing of it stays in the repository.
. "$(dirname "$0")/lib.sh"
cp "$source/contrib/ci/benchmark" "$tmp/bin/benchmark"
chmod 755 "$tmp/bin/benchmark"
cp "$build/report.html" "$tmp/build"
chmod a+r "$tmp/build/report.html"
export PATH="$tmp/build:$PATH" GIT_CONFIG_NOSYSTEM=1
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY RUNNER_ENVIRONMENT CI_RUNNER_TAGS
here=$tmp/home/it\'s\ here
mkdir "$here"
cd "$here" || exit 1
git() { command git -c user.name=nobody -c user.email=nobody@localhost "$@"; }
commit() { printf '%s\n' "$2" >bench.in && git checkout -q -b "$1" && git add bench.in && git commit -q -m "$1"; }
git init -q .
commit base 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done # it'"'"'s $HOME'
commit slower 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'
git checkout -q base
commit same 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; :'
git checkout -q base
commit broken 'not built'
chmod -R a+rwX "$here"
[ "$(id -u)" != 0 ] || chown -R 4242:4242 "$here"
# benchmark BRANCH OPTION...: the branch is checked out and judged; sets status, out
benchmark() {
	$user git checkout -q "$1" || exit 1
	shift
	$user env "${more:-_=}" benchmark --base base --check-options '--quick' --compare-options '-q --no-check -r 8' "$@" >"$tmp/out" 2>&1 </dev/null
	status=$?
	out=$(cat "$tmp/out")
}
make_it='! grep -q "not built" bench.in && cp bench.in "it'"'"'s" && chmod +x "it'"'"'s"'
results() { (cd quietbench-results && echo *); }

benchmark slower --runner hosted --build "$make_it" -- sh "./it's" 'an argument'
is "slower: status" "$status" 1
is "slower: what is written" "$(results)" "check.json comment.md record.json report.html"
like "slower: the comment says so" "$(cat quietbench-results/comment.md)" '^\*\*Shown to be slower by more than 5%\.\*\*$'
like "slower: and by how much" "$(cat quietbench-results/comment.md)" '^\*\*B is [0-9.]+ % slower than A'
like "slower: and whether the machine was quiet" "$(cat quietbench-results/comment.md)" '^The machine \(hosted\) was '
is "slower: the record is one of compare" "$(jq -r '.schema, (.experiment != null)' quietbench-results/record.json | tr '\n' ' ')" "quietbench/record/1 true "
ok "slower: the report is a page" grep -qi '^<!doctype html>' quietbench-results/report.html
is "slower: the base's tree is gone" "$($user git worktree list --porcelain | grep -c ^worktree)" 1

benchmark same --runner hosted --build "$make_it" --fail-slower 300% -- sh "./it's"
is "the same: status" "$status" 0
like "the same: the comment says so" "$(cat quietbench-results/comment.md)" '^Shown not to be slower by more than 300%\.$'

benchmark broken --runner hosted --build "$make_it" -- sh "./it's"
is "does not build: status" "$status" 3
like "does not build: the comment says which" "$(cat quietbench-results/comment.md)" '^Nothing was compared: this commit does not build'
is "does not build: nothing else is written" "$(results)" comment.md

# A limit that no machine keeps: on a machine of one's own nothing is compared then.
more=RUNNER_ENVIRONMENT=self-hosted
benchmark same --build "$make_it" --check-options '--quick -s check.max_gap=1ns -s check.max_gaps=0%' -- sh "./it's"
is "a noisy machine of one's own: status" "$status" 3
like "a noisy machine of one's own: the comment" "$(cat quietbench-results/comment.md)" '^The machine \(self-hosted\) was \*\*not quiet\*\*'
more=RUNNER_ENVIRONMENT=github-hosted
benchmark same --fail-slower 300% --build "$make_it" --check-options '--quick -s check.max_gap=1ns -s check.max_gaps=0%' -- sh "./it's"
is "a noisy hosted one: status" "$status" 0
more=CI_RUNNER_TAGS='["saas-linux-small-amd64"]'
benchmark broken --build "$make_it" -- true
is "GitLab's: the build comes first" "$status" 3

more=
benchmark same --fail-slower 2% 2>&1
is "no command: status" "$status" 2
benchmark same --base nothing -- true
is "no such base: status" "$status" 2
like "no such base: says what to do" "$out" 'nothing is not here: fetch it'

# What names the script: each step is one that GitHub knows, and uses no input that there is not; GitLab's job has a script.
cat >"$tmp/judge" <<'EOF'
import re, sys, yaml
def load(name):
    return yaml.safe_load(open(sys.argv[1] + '/' + name))
action = load('action.yml')
for step in action['runs']['steps']:
    assert ('uses' in step) != ('run' in step and 'shell' in step), step
used = set(re.findall(r'inputs\.([a-z-]+)', open(sys.argv[1] + '/action.yml').read()))
assert used == set(action['inputs']), used ^ set(action['inputs'])
given = next(step for step in load('github-workflow.yml')['jobs']['benchmark']['steps'] if 'quietbench' in step['uses'])['with']
assert set(given) <= used and all(given.get(name) for name, of in action['inputs'].items() if of.get('required'))
job = load('gitlab.yml')['.quietbench']
assert job['script'] and 'quietbench-results/' in job['artifacts']['paths']
EOF
is "the YAML" "$(/usr/bin/python3 "$tmp/judge" "$source/contrib/ci" 2>&1)" ""
# The options that they give to the script are its own.
is "the options" "$(grep -ohE -e '--[a-z-]+ "\$(BASE|BUILD_COMMAND|LIMITS|FAIL_SLOWER|CI_MERGE_REQUEST_DIFF_BASE_SHA|QUIETBENCH_BUILD)"' \
	"$source/contrib/ci/action.yml" "$source/contrib/ci/gitlab.yml" | cut -d' ' -f1 | sort | uniq -c | awk '{ print $1, $2 }' |
	while read -r times option; do grep -q "^	$option) " "$source/contrib/ci/benchmark" && echo "$times $option"; done | tr '\n' ' ')" \
	"2 --base 2 --build 1 --fail-slower 1 --limits "
finish
