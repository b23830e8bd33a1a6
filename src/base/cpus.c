/* SPDX-License-Identifier: GPL-2.0-or-later */
/* value.h: sets of CPUs, in the kernel's two syntaxes. */
#include <base/macros.h>
#include <ctype.h>
#include <errno.h>
#include <quietbench/value.h>

#define WORDS (QB_CPUS_MAX / 64)

void qb_cpus_zero(struct qb_cpus *set)
{
	memset(set, 0, sizeof(*set));
}

void qb_cpus_add(struct qb_cpus *set, unsigned cpu)
{
	if (cpu < QB_CPUS_MAX)
		set->bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

void qb_cpus_remove(struct qb_cpus *set, unsigned cpu)
{
	if (cpu < QB_CPUS_MAX)
		set->bits[cpu / 64] &= ~(UINT64_C(1) << cpu % 64);
}

bool qb_cpus_has(const struct qb_cpus *set, unsigned cpu)
{
	return cpu < QB_CPUS_MAX && (set->bits[cpu / 64] >> cpu % 64 & 1);
}

bool qb_cpus_empty(const struct qb_cpus *set)
{
	return qb_cpus_next(set, 0) == QB_CPUS_MAX;
}

bool qb_cpus_equal(const struct qb_cpus *a, const struct qb_cpus *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool qb_cpus_subset(const struct qb_cpus *inner, const struct qb_cpus *outer)
{
	for (size_t i = 0; i < WORDS; i++)
		if (inner->bits[i] & ~outer->bits[i])
			return false;
	return true;
}

bool qb_cpus_intersect(const struct qb_cpus *a, const struct qb_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++)
		if (a->bits[i] & b->bits[i])
			return true;
	return false;
}

void qb_cpus_and(struct qb_cpus *set, const struct qb_cpus *other)
{
	for (size_t i = 0; i < WORDS; i++)
		set->bits[i] &= other->bits[i];
}

void qb_cpus_or(struct qb_cpus *set, const struct qb_cpus *other)
{
	for (size_t i = 0; i < WORDS; i++)
		set->bits[i] |= other->bits[i];
}

void qb_cpus_andnot(struct qb_cpus *set, const struct qb_cpus *other)
{
	for (size_t i = 0; i < WORDS; i++)
		set->bits[i] &= ~other->bits[i];
}

unsigned qb_cpus_count(const struct qb_cpus *set)
{
	unsigned n = 0;

	for (size_t i = 0; i < WORDS; i++)
		n += (unsigned)__builtin_popcountll(set->bits[i]);
	return n;
}

unsigned qb_cpus_next(const struct qb_cpus *set, unsigned from)
{
	for (unsigned word = from / 64; word < WORDS; word++) {
		uint64_t bits = set->bits[word];

		if (word == from / 64)
			bits &= ~UINT64_C(0) << from % 64;
		if (bits)
			return word * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return QB_CPUS_MAX;
}

/* Digits at *text, as a number that fits a CPU number or a stride. */
static int parse_number(const char **text, unsigned *ret)
{
	unsigned value = 0;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	for (; isdigit((unsigned char)**text); (*text)++) {
		value = value * 10 + (unsigned)(**text - '0');
		if (value >= QB_CPUS_MAX)
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

/* ":used/group" after a range: of every `group` CPUs the first `used`. */
static int parse_stride(const char **text, unsigned *ret_used, unsigned *ret_group)
{
	int r;

	(*text)++;
	r = parse_number(text, ret_used);
	if (r < 0)
		return r;
	if (*(*text)++ != '/')
		return -EINVAL;
	r = parse_number(text, ret_group);
	if (r < 0)
		return r;
	return *ret_used == 0 || *ret_group < *ret_used ? -EINVAL : 0;
}

static int parse_range(const char **text, struct qb_cpus *set)
{
	unsigned first, last, used = 1, group = 1;
	int r;

	r = parse_number(text, &first);
	if (r < 0)
		return r;
	last = first;
	if (**text == '-') {
		(*text)++;
		r = parse_number(text, &last);
		if (r < 0)
			return r;
		if (last < first)
			return -EINVAL;
		if (**text == ':') {
			r = parse_stride(text, &used, &group);
			if (r < 0)
				return r;
		}
	}
	for (unsigned cpu = first; cpu <= last; cpu++)
		if ((cpu - first) % group < used)
			qb_cpus_add(set, cpu);
	return 0;
}

int qb_cpus_parse_list(const char *text, struct qb_cpus *ret)
{
	struct qb_cpus set = {0};

	while (isspace((unsigned char)*text))
		text++;
	while (*text && !isspace((unsigned char)*text)) {
		int r = parse_range(&text, &set);

		if (r < 0)
			return r;
		if (*text == ',' && isdigit((unsigned char)text[1]))
			text++;
		else if (*text && !isspace((unsigned char)*text))
			return -EINVAL;
	}
	while (isspace((unsigned char)*text))
		text++;
	if (*text)
		return -EINVAL;
	*ret = set;
	return 0;
}

int qb_cpus_parse_hex(const char *text, struct qb_cpus *ret)
{
	struct qb_cpus set = {0};
	size_t len = strlen(text);
	unsigned bit = 0;

	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0)
		return -EINVAL;
	while (len--) {
		char c = text[len];
		unsigned digit;

		if (c == ',') {
			if (bit == 0 || bit % 32 != 0 || len == 0)
				return -EINVAL;
			continue;
		}
		if (!isxdigit((unsigned char)c))
			return -EINVAL;
		digit = isdigit((unsigned char)c)
				? (unsigned)(c - '0')
				: (unsigned)(tolower((unsigned char)c) - 'a') + 10;
		if (digit && bit >= QB_CPUS_MAX)
			return -ERANGE;
		if (bit < QB_CPUS_MAX)
			set.bits[bit / 64] |= (uint64_t)digit << bit % 64;
		bit += 4;
	}
	*ret = set;
	return 0;
}

int qb_cpus_format_list(const struct qb_cpus *set, char *buf, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return -ENOSPC;
	buf[0] = '\0';
	for (unsigned cpu = qb_cpus_next(set, 0); cpu < QB_CPUS_MAX;) {
		unsigned last = cpu;
		int n;

		while (qb_cpus_has(set, last + 1))
			last++;
		n = last == cpu ? snprintf(buf + used, size - used, "%s%u", used ? "," : "", cpu)
				: snprintf(buf + used, size - used, "%s%u-%u", used ? "," : "", cpu,
					  last);
		if (n < 0 || (size_t)n >= size - used)
			return -ENOSPC;
		used += (size_t)n;
		cpu = qb_cpus_next(set, last + 1);
	}
	return 0;
}

const char *qb_cpus_text(const struct qb_cpus *set, char *buf, size_t size)
{
	char rest[32];
	char *end;

	if (qb_cpus_format_list(set, buf, size) == 0)
		return buf;
	snprintf(rest, sizeof(rest), ",… (%u CPUs)", qb_cpus_count(set));
	buf[size > strlen(rest) ? size - strlen(rest) : 0] = '\0';
	end = strrchr(buf, ','); /* behind it there may be half a number */
	if (end)
		snprintf(end, size - (size_t)(end - buf), "%s", rest);
	else
		snprintf(buf, size, "%u CPUs", qb_cpus_count(set));
	return buf;
}

int qb_cpus_format_hex(const struct qb_cpus *set, unsigned width, char *buf, size_t size)
{
	unsigned digits, top = 0;
	size_t used = 0;

	qb_cpus_foreach (cpu, set)
		top = cpu + 1;
	if (width < top)
		width = top;
	digits = width ? (width + 3) / 4 : 1;
	for (unsigned i = digits; i-- > 0;) {
		unsigned digit = (unsigned)(set->bits[i / 16] >> i % 16 * 4 & 0xf);

		if (used + 3 > size)
			return -ENOSPC;
		buf[used++] = "0123456789abcdef"[digit];
		if (i && i % 8 == 0)
			buf[used++] = ',';
	}
	if (used >= size)
		return -ENOSPC;
	buf[used] = '\0';
	return 0;
}
