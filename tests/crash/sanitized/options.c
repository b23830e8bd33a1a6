/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into the programs of a sanitized build, for sanitized.t. The helper clears its environment
 * and has no standard error: what AddressSanitizer finds must show in the way it ends, and options
 * cannot come from outside. Leaks are not looked for: that needs ptrace, which strike has taken.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "abort_on_error=1:detect_leaks=0";
}
