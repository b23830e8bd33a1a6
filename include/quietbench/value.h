/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values: CPU sets, numbers with units, and the specification that judges a value.
 *
 * A value travels as the text the kernel's file holds (step.h); this header is what parses,
 * writes and judges such texts. The same `struct qb_spec` is used by the planner, which wants a
 * value, and by the monitor, which doubts it.
 */
#ifndef QUIETBENCH_VALUE_H
#define QUIETBENCH_VALUE_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest NR_CPUS a distribution kernel is built with (Debian amd64: 8192). */
#define QB_CPUS_MAX 8192
/* A CPU set as text: the worst case, every other CPU ("0,2,4,…"), with its NUL. */
#define QB_CPUS_TEXT 20480

/* A set of CPUs by kernel number. Plain data: copy it, compare it with qb_cpus_equal. */
struct qb_cpus {
	uint64_t bits[QB_CPUS_MAX / 64];
};

void qb_cpus_zero(struct qb_cpus *set);
void qb_cpus_add(struct qb_cpus *set, unsigned cpu); /* a CPU beyond QB_CPUS_MAX is ignored */
void qb_cpus_remove(struct qb_cpus *set, unsigned cpu);
bool qb_cpus_has(const struct qb_cpus *set, unsigned cpu);
bool qb_cpus_empty(const struct qb_cpus *set);
bool qb_cpus_equal(const struct qb_cpus *a, const struct qb_cpus *b);
bool qb_cpus_subset(const struct qb_cpus *inner, const struct qb_cpus *outer);
bool qb_cpus_intersect(const struct qb_cpus *a, const struct qb_cpus *b); /* any CPU in both? */
void qb_cpus_and(struct qb_cpus *set, const struct qb_cpus *other);
void qb_cpus_or(struct qb_cpus *set, const struct qb_cpus *other);
void qb_cpus_andnot(struct qb_cpus *set, const struct qb_cpus *other);
unsigned qb_cpus_count(const struct qb_cpus *set);
/* The first CPU >= from, or QB_CPUS_MAX. */
unsigned qb_cpus_next(const struct qb_cpus *set, unsigned from);

#define qb_cpus_foreach(cpu, set)                                                                  \
	for (unsigned cpu = qb_cpus_next((set), 0); cpu < QB_CPUS_MAX;                             \
		cpu = qb_cpus_next((set), cpu + 1))

/*
 * The kernel's list syntax ("0-3,8", also "0-15:2/4"; Documentation/admin-guide/
 * kernel-parameters.rst, "cpu lists"). Blanks and a newline at either end are allowed; an empty
 * text is the empty set. -EINVAL on anything else, *ret untouched; -ERANGE past QB_CPUS_MAX.
 */
int qb_cpus_parse_list(const char *text, struct qb_cpus *ret);
/* The kernel's mask syntax: groups of 32 bits in hex, commas between, highest first. */
int qb_cpus_parse_hex(const char *text, struct qb_cpus *ret);
/*
 * Write a set. The result is NUL-terminated; -ENOSPC when `size` is too small (QB_CPUS_TEXT always
 * suffices). `width` is the number of CPUs the mask must span, as the kernel pads it.
 */
int qb_cpus_format_list(const struct qb_cpus *set, char *buf, size_t size);
/* For messages, whatever the size: what does not fit is counted, "0-3,8,… (128 CPUs)". Returns buf. */
const char *qb_cpus_text(const struct qb_cpus *set, char *buf, size_t size);
int qb_cpus_format_hex(const struct qb_cpus *set, unsigned width, char *buf, size_t size);

/* Whole-text parsers: no sign tricks, no trailing rubbish. -EINVAL, -ERANGE; *ret untouched. */
int qb_number_parse(const char *text, int64_t *ret);

enum qb_quantity {
	QB_QUANTITY_NONE,      /* a bare number */
	QB_QUANTITY_FREQUENCY, /* kHz;  "2.4GHz", "800MHz", "800000kHz" */
	QB_QUANTITY_DURATION,  /* ns;   "10us", "1s", "2m", "1h", "1d" */
	QB_QUANTITY_PERCENT,   /* millionths; "0.05%" is 500 */
};

/* A number with its unit (without one: -EINVAL, except 0). */
int qb_quantity_parse(enum qb_quantity q, const char *text, int64_t *ret);
/* Shortest exact text with a unit, e.g. 2400000 -> "2.4 GHz". */
void qb_quantity_format(enum qb_quantity q, int64_t value, char *buf, size_t size);

enum qb_value_type {
	QB_VALUE_NUMBER, /* decimal, min..max */
	QB_VALUE_WORD, /* one of `choices` (space-separated) if any; else [A-Za-z0-9_.:+-]{1,63} */
	QB_VALUE_LIST, /* a CPU list, not empty, only CPUs the kernel knows */
	QB_VALUE_MASK, /* the same as hex mask */
	QB_VALUE_TEXT, /* printable ASCII without newline, at most QB_TEXT_MAX */
};

struct qb_spec {
	enum qb_value_type type;
	int64_t min, max;
	const char *choices;
};

/* Is `text` a value of this specification? 0, or -EINVAL/-ERANGE with what was expected. */
int qb_spec_judge(const struct qb_spec *spec, const char *text, struct qb_error *err);

#endif
