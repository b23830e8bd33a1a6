/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What qb_select (select.h) is made of beside the choice: the profile's cpus.* as numbers and sets,
 * judged against the host; the cores of a topology as candidates, which are filtered, ranked and
 * taken from; and what is said of the choice, the lines `why` and `note` of a selection.
 *
 * qb_cores_init makes one row per core (a CPU whose core is unknown is a core of its own) and a
 * list of picks, at first every core with a CPU in `usable`. qb_cores_keep shortens the picks;
 * qb_cores_place puts those of the best group in front, best first.
 */
#ifndef QB_CORE_SELECT_INTERNAL_H
#define QB_CORE_SELECT_INTERNAL_H

#include <quietbench/profile.h>
#include <quietbench/topology.h>
#include <stddef.h>

struct qb_core {
	const struct qb_pu **pus; /* all its online CPUs, ascending */
	unsigned n;
	unsigned usable; /* how many of them the benchmark may have */
	unsigned weight; /* how many it would take: 1 under smt idle, else `usable` */
	const struct qb_pu
		*first; /* the one it takes first: not the boot CPU if there is another */
	bool boot;	/* holds the boot CPU */
	bool isolated;	/* its usable CPUs are isolated at boot */
	bool whole;	/* every sibling is usable: none will stay busy */
};

struct qb_cores {
	const struct qb_topology *topology;
	const struct qb_pu **pus;
	struct qb_core *all;
	struct qb_core **picks;
	size_t n, n_picks;
};

/* cpus.within, from inside to outside. */
enum qb_within {
	QB_WITHIN_CORE,
	QB_WITHIN_L3, /* the last level of cache, whichever it is */
	QB_WITHIN_PACKAGE,
	QB_WITHIN_NODE,
	QB_WITHIN_ANY,
};

/* `share`: siblings are taken too, so that a core weighs as much as it has usable CPUs. */
int qb_cores_init(struct qb_cores *ret, const struct qb_topology *topology,
	const struct qb_cpus *usable, bool share, struct qb_error *err);
void qb_cores_free(struct qb_cores *cores);

/* "L3": the level of the last cache that this CPU shares; "last-level cache" where none is told. */
const char *qb_cores_cache(const struct qb_pu *pu);

/* Drops the picks for which keep(core, value) is false. */
void qb_cores_keep(
	struct qb_cores *cores, bool (*keep)(const struct qb_core *core, long value), long value);
unsigned qb_cores_weight(const struct qb_cores *cores);

/*
 * Finds the best group at `within`, or outwards of it, whose picks weigh `want` together (which all
 * picks must), and keeps that group's picks, best first. Returns the level at which it was found.
 */
enum qb_within qb_cores_place(struct qb_cores *cores, enum qb_within within, unsigned want);

/* ---- the wish ---- */

struct qb_cpus_wish {
	const struct qb_topology *topology;
	struct qb_cpus usable; /* online and allowed */
	struct qb_cpus list;   /* of cpus.list */
	struct qb_cpus from;   /* what is chosen from: the list, or what is usable for that many */
	bool listed;
	bool counted; /* of the list not all, but the count */
	bool lone;    /* max found CPUs that are isolated at boot, and nothing else: one of them */
	enum { QB_COUNT_NUMBER, QB_COUNT_MAX, QB_COUNT_ALL } count;
	unsigned number;
	bool share, avoid_boot;
	int kind;  /* rank; -1: any */
	long node; /* kernel number; -1: auto */
	enum qb_within within;
};

/* -EINVAL: a list with CPUs that are not available; the error names them, why, and what there is. */
int qb_cpus_wish_read(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, struct qb_cpus_wish *ret, struct qb_error *err);

/* ---- what is said of the choice ---- */

/* One more thing that had to give. */
void qb_select_note(struct qb_selection *selection, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* " of the fastest kind" */
const char *qb_select_kind_text(const struct qb_topology *t, int kind);
/* The line `why`, for a list taken as it stands. */
void qb_select_explain_list(
	const struct qb_cpus_wish *w, const struct qb_cores *cores, struct qb_selection *s);
/*
 * The same for a choice of `want` within a level: "4 cores of the fastest kind sharing one L3, away
 * from boot CPU 0; the last of those alike". `spare`: other CPUs would have been as good.
 */
void qb_select_explain(const struct qb_cpus_wish *w, const struct qb_cores *cores, unsigned want,
	enum qb_within within, bool spare, struct qb_selection *s);
/* Not as close together as was asked for. */
void qb_select_note_level(const struct qb_cpus_wish *w, const struct qb_cores *cores,
	enum qb_within got, unsigned want, struct qb_selection *s);
/* Of a list not all could be chosen from. */
void qb_select_note_denied(const struct qb_cpus_wish *w, struct qb_selection *s);
/* Threads will not be spread over CPUs that were isolated at boot. */
void qb_select_note_isolated(const struct qb_cpus_wish *w, struct qb_selection *s);

#endif
