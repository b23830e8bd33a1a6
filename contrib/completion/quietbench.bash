# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for quietbench. Its tables are made from those of the program.
@TABLE@

_quietbench_complete() # KIND [WORD...]: what may stand in the place of $cur
{
	local kind=$1
	shift
	case $kind in
	words)
		mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
		[[ ${COMPREPLY[*]} != *: ]] || compopt -o nospace # it goes on
		;;
	profile)
		mapfile -t COMPREPLY < <(compgen -W "$(_quietbench_profiles)" -- "$cur")
		_filedir yaml
		;;
	file) _filedir ;;
	folder) _filedir -d ;;
	process) _pids ;;
	command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	keys) # of a list, the last one
		local before=
		[[ $cur != *,* ]] || before=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "all $(_quietbench_keys)" -- "${cur##*,}")
		;;
	setting)
		if [[ $cur == *=* ]]; then
			# readline takes what stands behind "=" for the word.
			mapfile -t COMPREPLY < <(compgen -W "$(_quietbench_choices "${cur%%=*}")" -- "${cur#*=}")
		else
			mapfile -t COMPREPLY < <(compgen -S = -W "$(_quietbench_keys)" -- "$cur")
			compopt -o nospace
		fi
		;;
	esac
}

_quietbench()
{
	local cur prev words cword split kind i command='' operand=0
	_init_completion -s || return

	for ((i = 1; i < cword && !operand; i++)); do
		if [[ -z $command ]]; then
			command=${words[i]}
		elif [[ ${words[i]} == -- ]]; then
			operand=$((i + 1))
		elif [[ ${words[i]} == -?* ]]; then
			kind=$(_quietbench_value "${words[i]}")
			[[ -n $kind ]] || continue
			((++i < cword)) || { _quietbench_complete $kind; return; }
		else
			operand=$i
		fi
	done
	if [[ -z $command ]]; then
		_quietbench_complete words "$(_quietbench_commands | cut -f 1)" --help --version
	elif ((!operand)) && [[ $split == true ]]; then
		_quietbench_complete $(_quietbench_value "$prev")
	elif [[ $cur == -* ]] && { ((!operand)) || [[ $(_quietbench_operand "$command" 1) != rest ]]; }; then
		_quietbench_complete words "$(_quietbench_options "$command" | cut -f 1)"
	else
		((operand)) || operand=$cword
		kind=$(_quietbench_operand "$command" $((cword - operand + 1)))
		if [[ $kind == rest ]]; then
			_command_offset "$operand"
		else
			_quietbench_complete $kind
		fi
	fi
}
complete -F _quietbench quietbench
