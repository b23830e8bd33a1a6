/* SPDX-License-Identifier: GPL-2.0-or-later */
/* value.h: numbers and quantities with units. */
#include <base/macros.h>
#include <ctype.h>
#include <errno.h>
#include <quietbench/value.h>

int qb_number_parse(const char *text, int64_t *ret)
{
	const char *digits = text + (*text == '-');
	char *end;
	long long value;

	if (!isdigit((unsigned char)*digits))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -errno;
	*ret = value;
	return 0;
}

/* The units of every quantity, largest first: formatting takes the first that divides. */
static const struct unit {
	enum qb_quantity quantity;
	const char *name;
	int64_t factor;
} units[] = {
	{QB_QUANTITY_FREQUENCY, "GHz", 1000000},
	{QB_QUANTITY_FREQUENCY, "MHz", 1000},
	{QB_QUANTITY_FREQUENCY, "kHz", 1},
	{QB_QUANTITY_DURATION, "d", INT64_C(86400000000000)},
	{QB_QUANTITY_DURATION, "h", INT64_C(3600000000000)},
	{QB_QUANTITY_DURATION, "m", INT64_C(60000000000)},
	{QB_QUANTITY_DURATION, "s", INT64_C(1000000000)},
	{QB_QUANTITY_DURATION, "ms", 1000000},
	{QB_QUANTITY_DURATION, "us", 1000},
	{QB_QUANTITY_DURATION, "ns", 1},
	{QB_QUANTITY_PERCENT, "%", 10000},
};

static const struct unit *find_unit(enum qb_quantity quantity, const char *name)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(units); i++)
		if (units[i].quantity == quantity && strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Decimal digits with a fraction, times factor, exact: what does not come out whole is refused. */
static int scale(const char **text, int64_t factor, int64_t *ret)
{
	int64_t value = 0, place = factor;

	for (; isdigit((unsigned char)**text); (*text)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, **text - '0', &value))
			return -ERANGE;
	if (__builtin_mul_overflow(value, factor, &value))
		return -ERANGE;
	if (**text == '.') {
		(*text)++;
		if (!isdigit((unsigned char)**text))
			return -EINVAL;
		for (; isdigit((unsigned char)**text); (*text)++) {
			if (place % 10 && **text != '0')
				return -ERANGE;
			place /= 10;
			if (__builtin_add_overflow(value, place * (**text - '0'), &value))
				return -ERANGE;
		}
	}
	*ret = value;
	return 0;
}

int qb_quantity_parse(enum qb_quantity q, const char *text, int64_t *ret)
{
	const struct unit *unit;
	const char *suffix = text;
	int64_t value;
	int r;

	if (q == QB_QUANTITY_NONE)
		return qb_number_parse(text, ret);
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	suffix += strspn(text, "0123456789.");
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	while (*suffix == ' ')
		suffix++;
	unit = find_unit(q, suffix);
	if (!unit)
		return -EINVAL;
	r = scale(&text, unit->factor, &value);
	if (r < 0)
		return r;
	if (*text != ' ' && text != suffix)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* The unit to write a value in: durations only whole (90 s, not 1.5 m), other units with decimals. */
static const struct unit *choose_unit(enum qb_quantity q, int64_t value)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(units); i++)
		if (units[i].quantity == q &&
			(value % units[i].factor == 0 ||
				(q != QB_QUANTITY_DURATION && value >= units[i].factor &&
					units[i].factor % 1000 == 0 &&
					value % (units[i].factor / 1000) == 0)))
			return &units[i];
	return find_unit(q, "%");
}

void qb_quantity_format(enum qb_quantity q, int64_t value, char *buf, size_t size)
{
	const char *gap = q == QB_QUANTITY_PERCENT ? "" : " ";
	const struct unit *unit;
	char decimals[24] = "";
	int64_t rest;

	if (q == QB_QUANTITY_NONE || value <= 0) {
		snprintf(buf, size, "%lld", (long long)value);
		return;
	}
	unit = choose_unit(q, value);
	rest = value % unit->factor;
	/* In whole numbers: a double has not digits enough. Only units of tens have a rest. */
	if (rest) {
		size_t n = (size_t)snprintf(
			decimals, sizeof(decimals), ".%lld", (long long)(unit->factor + rest));

		decimals[1] = decimals[0]; /* the leading 1 kept the zeros */
		while (decimals[n - 1] == '0')
			decimals[--n] = '\0';
	}
	snprintf(buf, size, "%lld%s%s%s", (long long)(value / unit->factor),
		rest ? decimals + 1 : "", gap, unit->name);
}
