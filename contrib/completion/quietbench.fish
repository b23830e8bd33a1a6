# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for quietbench. Its tables are made from those of the program.

# Where the words before the cursor end: "", "COMMAND" among its options, "COMMAND N" at its Nth operand.
function __quietbench_place
	set -l words (commandline -opc)
	set -l i 3
	test (count $words) -ge 2; or return
	while test $i -le (count $words)
		set -l word $words[$i]
		if test $word = --
			echo $words[2] (math (count $words) - $i + 1) $i
			return
		else if contains -- $word $__quietbench_valued
			set i (math $i + 2)
		else if string match -q -- '-?*' $word
			set i (math $i + 1)
		else
			echo $words[2] (math (count $words) - $i + 2) (math $i - 1)
			return
		end
	end
	echo $words[2]
end
# COMMAND: may an option of it stand here?
function __quietbench_option
	test "$(__quietbench_place)" = $argv[1]
end
# The same behind its operands, too.
function __quietbench_option_anywhere
	__quietbench_option $argv[1]
	or string match -q "$argv[1] *" "$(__quietbench_place)"
end
# COMMAND N: is this the place of its Nth operand (or of a later one: N+)?
function __quietbench_operand
	set -l place (string split ' ' "$(__quietbench_place)")
	test "$place[1]" = $argv[1]; or return 1
	set -q place[2]; or set place[2] 1
	test $place[2] = $argv[2]
	or begin
		string match -q '*+' $argv[2]; and test $place[2] -ge (string trim -c + $argv[2])
	end
end
# The command of run, and its arguments, as it would complete on its own.
function __quietbench_rest
	set -l place (string split ' ' "$(__quietbench_place)")
	set -l words (commandline -opc)
	set -l first (math (count $words) + 1)
	set -q place[3]; and set first (math $place[3] + 1)
	set -l rest
	test $first -le (count $words); and set rest $words[$first..]
	complete -C (string join ' ' -- (string escape -- $rest) (commandline -ct))
end
function __quietbench_profiles
	for folder in (set -q XDG_CONFIG_HOME; and echo $XDG_CONFIG_HOME; or echo ~/.config)/quietbench/profiles /etc/quietbench/profiles $__quietbench_shipped
		for file in $folder/*.yaml
			string replace -r '.*/(.*)\.yaml$' '$1' $file
		end
	end
	__fish_complete_suffix .yaml
end
function __quietbench_sequence
	set -l before (string match -r '.*,' -- (commandline -ct))
	printf "$before%s\n" all $__quietbench_keys
end
# KEY=VALUE
function __quietbench_settings
	set -l word (commandline -ct)
	set -l key (string match -r '[^=]*' -- (string replace -r '^--set=' '' -- $word))
	string match -q '*=*' -- (string replace -r '^--set=' '' -- $word)
	or begin
		printf '%s=\n' $__quietbench_keys
		return
	end
	printf "$key=%s\n" (__quietbench_choices $key)
end
complete -c quietbench -f
@TABLE@
