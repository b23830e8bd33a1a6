/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ticks.h */
#include "ticks.h"
#include <base/file.h>
#include <string.h>

bool qb_ticks_direct(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	char name[64];

	if (qb_file_read(path, name, sizeof(name), NULL) < 0)
		return false;
#if defined(__x86_64__)
	return strcmp(name, "tsc") == 0;
#elif defined(__aarch64__)
	return strcmp(name, "arch_sys_counter") == 0;
#else
	return false;
#endif
}
