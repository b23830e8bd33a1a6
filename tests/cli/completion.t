#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion, tried in bash, zsh and fish: what each offers is what help says of commands and options.
. "$(dirname "$0")/lib.sh"
PATH=$tmp/build:$PATH
scripts=$build/completion

# Each prints what it would offer at the end of a line, one a line.
cat >"$tmp/bash" <<'EOT'
. /usr/share/bash-completion/bash_completion
. "$2/quietbench"
complete -p quietbench >/dev/null || exit 1
COMP_LINE=$1
COMP_POINT=${#1}
# As readline cuts it, which takes "=" for a word of its own.
eval "COMP_WORDS=($(sed 's/\([^ ]\)=/\1 = /g' <<<"$1"))"
[[ $1 != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # no completion is going on
_quietbench
printf '%s\n' "${COMPREPLY[@]}"
EOT
cat >"$tmp/zsh" <<'EOT'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -D; cd $PWD; PATH=$PATH"
zpty -w shell 'compadd() {
	[[ ${@[(I)-[OAD]]} = 0 ]] || { builtin compadd "$@"; return }
	local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >>'$3'; builtin compadd "$@"
}; done_() { print all >'$3.done' }; zle -N done_; bindkey "^G" done_; setopt noalwayslastprompt; LISTMAX=0; unsetopt beep list_beep'
zpty -n -w shell "$1"$'\t\a'
for ((i = 0; i < 100; i++)); do [[ -e $3.done ]] && break; zpty -r -t shell x; sleep 0.05; done
zpty -d shell
EOT
offered() # SHELL LINE
{
	rm -f "$tmp/offered" "$tmp/offered.done"
	case $1 in
	bash) bash --norc "$tmp/bash" "$2" "$scripts" 2>"$tmp/err" ;;
	zsh) zsh -f "$tmp/zsh" "$2" "$scripts" "$tmp/offered" >/dev/null 2>"$tmp/err" && cat "$tmp/offered" 2>/dev/null ;;
	fish) fish --no-config -c 'source $argv[2]/quietbench.fish; complete -C $argv[1]' "$2" "$scripts" 2>"$tmp/err" | cut -f 1 ;;
	esac | sed 's/ $//; /^$/d' | sort -u
}

"$qb" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort >"$tmp/commands"
ok "help lists commands" [ "$(wc -l <"$tmp/commands")" -ge 14 ]
for shell in bash zsh fish; do
	is "$shell: commands" "$(offered $shell 'quietbench ' | grep -v '^--')" "$(cat "$tmp/commands")"
	commands=$(cat "$tmp/commands")
	[ $shell = bash ] || commands="run profile compare" # each start of these takes a second
	for command in $commands; do
		is "$shell: the options of $command" "$(offered $shell "quietbench $command --" | grep '^--' | sort)" \
			"$("$qb" help "$command" | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' | sort)"
	done
	is "$shell: of a value" "$(offered $shell 'quietbench check --limits ')" "bare
ci
lab"
	is "$shell: of a letter's" "$(offered $shell 'quietbench run -n ')" "all
max"
	is "$shell: of a measure" "$(offered $shell 'quietbench compare --measure ')" "$(
		printf '%s\n' criterion google hyperfine json: perf: pyperf regex: time)"
	like "$shell: options behind operands" "$(offered $shell 'quietbench report one --qui')" '^--quiet$'
	ok "$shell: a key" grep -q '^frequency.turbo=*$' <<<"$(offered $shell 'quietbench plan -s frequency.tu')"
	is "$shell: its values" "$(offered $shell 'quietbench plan -s frequency.turbo=' | sed 's/.*=//')" "false
keep
true"
	like "$shell: keys of a list" "$(offered $shell 'quietbench plan --require cpus.isolation,irqs.mo')" '^(cpus.isolation,)?irqs.move$'
	is "$shell: what profile does" "$(offered $shell 'quietbench profile ')" "list
show
validate"
	is "$shell: help knows the commands" "$(offered $shell 'quietbench help ')" "$(cat "$tmp/commands")"
	like "$shell: the command of run" "$(offered $shell 'quietbench run -q -c 1 mktem')" '^mktemp$'
	like "$shell: behind --" "$(offered $shell 'quietbench run -- mktem')" '^mktemp$'
	is "$shell: options are the command's own then" "$(offered $shell 'quietbench run true --fail-n')" ""
	mkdir -p "$tmp/home/.config/quietbench/profiles"
	touch "$tmp/home/.config/quietbench/profiles/mine.yaml"
	like "$shell: own profiles" "$(offered $shell 'quietbench run -p mi')" '^mine$'
	like "$shell: of profile show" "$(offered $shell 'quietbench profile show mi')" '^mine$'
	touch "$tmp/home/one.json"
	like "$shell: files" "$(offered $shell 'quietbench report one')" '^one.json$'
done
finish
