#compdef quietbench
# SPDX-License-Identifier: GPL-2.0-or-later
# zsh completion for quietbench. Its tables are made from those of the program.
@TABLE@

_quietbench_complete() # KIND [WORD...]
{
	local kind=$1
	shift
	case $kind in
	words)
		compadd -- ${@:#*:}
		compadd -S '' -- ${(M)@:#*:} # these go on
		;;
	profile)
		compadd -- $(_quietbench_profiles)
		_files -g '*.yaml(-.)'
		;;
	file) _files ;;
	folder) _files -/ ;;
	process) _pids ;;
	command) _command_names ;;
	keys) _sequence compadd - all $(_quietbench_keys) ;;
	setting)
		if compset -P '*='; then
			compadd -- $(_quietbench_choices "${IPREFIX%=}")
		else
			compadd -S = -- $(_quietbench_keys)
		fi
		;;
	esac
}

_quietbench_describe() # TAG: lines "WORD tab TEXT" on standard input
{
	local -a described
	described=("${(@f)$(sed -e 's/:/\\:/g' -e 's/\t/:/')}")
	_describe -t "$1" "$1" described
}

_quietbench()
{
	local kind command='' i operand=0

	for ((i = 2; i < CURRENT && !operand; i++)); do
		if [[ -z $command ]]; then
			command=$words[i]
		elif [[ $words[i] == -- ]]; then
			operand=$((i + 1))
		elif [[ $words[i] == -?* ]]; then
			kind=$(_quietbench_value "$words[i]")
			[[ -n $kind ]] || continue
			((++i < CURRENT)) || { _quietbench_complete ${=kind}; return }
		else
			operand=$i
		fi
	done
	if [[ -z $command ]]; then
		_quietbench_commands | _quietbench_describe commands
	elif ((!operand)) && [[ $words[CURRENT] == --*=* ]]; then
		kind=$(_quietbench_value "${words[CURRENT]%%=*}")
		compset -P '--[a-z-]#='
		_quietbench_complete ${=kind}
	elif [[ $words[CURRENT] == -* ]] && { ((!operand)) || [[ $(_quietbench_operand "$command" 1) != rest ]] }; then
		_quietbench_options "$command" | _quietbench_describe options
	else
		((operand)) || operand=$CURRENT
		kind=$(_quietbench_operand "$command" $((CURRENT - operand + 1)))
		if [[ $kind == rest ]]; then
			words=("${(@)words[operand,-1]}")
			((CURRENT -= operand - 1))
			_normal
		else
			_quietbench_complete ${=kind}
		fi
	fi
}
_quietbench "$@"
