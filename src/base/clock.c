/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>

void qb_time_format(int64_t seconds, const char *format, char *buf, size_t size)
{
	const time_t when = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(buf, size, format, &tm))
		qb_text_copy(buf, size, "?");
}

void qb_time_age(int64_t seconds, char *buf, size_t size)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	while (i + 1 < QB_ARRAY_SIZE(units) && seconds < 2 * units[i].seconds)
		i++;
	qb_text_format(buf, size, "%lld %s",
		seconds > 0 ? (long long)(seconds / units[i].seconds) : 0, units[i].name);
}
