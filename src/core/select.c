/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/select.h: the choice. The wish and the cores are in select_cores.c. */
#include <base/macros.h>
#include <base/text.h>
#include <core/select.h>
#include <core/select_internal.h>
#include <errno.h>

static bool is_on_node(const struct qb_core *core, long node)
{
	return core->first->os_node == node;
}

static bool is_of_kind(const struct qb_core *core, long kind)
{
	return core->first->kind == kind;
}

static bool is_not_boot(const struct qb_core *core, long unused)
{
	return !core->boot;
}

/*
 * The asked-for kind, or where the caller may use none of it the one that comes next: a CI job that
 * is confined to small cores shall run, and be told.
 */
static void filter_kind(
	const struct qb_cpus_wish *w, struct qb_cores *cores, struct qb_selection *selection)
{
	int nearest = cores->picks[0]->first->kind;

	if (w->kind < 0)
		return;
	for (size_t i = 0; i < cores->n_picks; i++) {
		int kind = cores->picks[i]->first->kind;

		nearest = abs(kind - w->kind) < abs(nearest - w->kind) ? kind : nearest;
	}
	qb_cores_keep(cores, is_of_kind, nearest);
	if (nearest != w->kind)
		qb_select_note(selection, "none of the usable CPUs is%s: these are%s",
			qb_select_kind_text(w->topology, w->kind),
			qb_select_kind_text(w->topology, nearest));
}

/* Node, kind and boot CPU: what may be chosen at all. */
static int filter(const struct qb_cpus_wish *w, struct qb_cores *cores,
	struct qb_selection *selection, struct qb_error *err)
{
	bool away = false;
	char text[128];

	if (!cores->n_picks)
		return qb_error_set(err, ENODATA,
			"choose CPUs: %s the usable ones (%s)%s; name some with cpus.list",
			qb_cpus_empty(&w->from) ? "for several threads there are none among"
						: "the host tells no core of",
			qb_cpus_text(&w->usable, text, sizeof(text)),
			qb_cpus_empty(&w->from) ? ": all are isolated at boot" : "");
	if (w->node >= 0)
		qb_cores_keep(cores, is_on_node, w->node);
	if (!cores->n_picks)
		return qb_error_set(err, EINVAL,
			"cpus.node %ld: none of the usable CPUs (%s) is on that node", w->node,
			qb_cpus_text(&w->usable, text, sizeof(text)));
	filter_kind(w, cores, selection);
	if (w->count == QB_COUNT_ALL && w->kind >= 0)
		qb_select_note(selection,
			"the other kinds of core are left for housekeeping: cpus.kind=any takes "
			"them, too");
	for (size_t i = 0; i < cores->n_picks; i++)
		away |= !cores->picks[i]->boot;
	if (!w->avoid_boot || w->count == QB_COUNT_ALL)
		return 0;
	if (away)
		qb_cores_keep(cores, is_not_boot, 0);
	else if (qb_cpus_count(&w->topology->online) > 1)
		qb_select_note(selection,
			"the boot CPU's core (CPU %u) is the only one that fits, and the kernel's "
			"own work stays there",
			w->topology->boot_cpu);
	return 0;
}

/* How much is wanted of the picks, in their weight. */
static int resolve_count(const struct qb_cpus_wish *w, const struct qb_cores *cores, unsigned *ret,
	struct qb_error *err)
{
	const struct qb_topology *t = w->topology;
	unsigned total = qb_cores_weight(cores), covered = 0, boot = 0;

	for (size_t i = 0; i < cores->n_picks; i++) {
		covered += cores->picks[i]->usable;
		boot = cores->picks[i]->boot ? cores->picks[i]->weight : boot;
	}
	if (w->count == QB_COUNT_NUMBER && w->number > total) {
		struct qb_cpus left = w->usable;
		char text[128], apart[128];

		qb_cpus_andnot(&left, &w->from);
		return qb_error_set(err, ERANGE,
			"cpus.count %u: only %u %s%s%s%s%s to choose from (usable CPUs: %s); ask "
			"for fewer%s%s%s%s%s%s",
			w->number, total, w->share ? "CPU" : "core", total == 1 ? "" : "s",
			w->kind < 0 ? "" : qb_select_kind_text(t, w->kind),
			w->node < 0 ? "" : " on that node",
			w->avoid_boot ? " beside the boot CPU's" : "",
			qb_cpus_text(&w->usable, text, sizeof(text)),
			w->kind < 0 ? "" : ", or set cpus.kind=any",
			w->share || covered == total ? "" : ", or set cpus.smt=share",
			w->listed || w->number < qb_cpus_count(&w->usable)
				? ""
				: ", or for all (-n all: every CPU, no isolation)",
			w->listed || qb_cpus_empty(&left) ? ""
							  : ", or name with cpus.list CPUs of ",
			w->listed || qb_cpus_empty(&left)
				? ""
				: qb_cpus_text(&left, apart, sizeof(apart)),
			w->listed || qb_cpus_empty(&left)
				? ""
				: ", which are isolated at boot: threads stay there where they start");
	}
	*ret = w->count == QB_COUNT_NUMBER ? w->number : total;
	/* The core left for housekeeping is the boot CPU's, which is the last to be taken. */
	if (w->count == QB_COUNT_MAX && covered == qb_cpus_count(&t->online)) {
		if (cores->n_picks == 1)
			boot = 1;
		*ret = total > boot ? total - boot : 1;
	}
	return 0;
}

static bool is_isolated(const struct qb_core *core, long unused)
{
	return core->isolated;
}

static bool is_balanced(const struct qb_core *core, long unused)
{
	return !core->isolated;
}

/*
 * One CPU of those that were isolated at boot, for which they were set aside; several (of a list)
 * rather of those that are not.
 */
static void prefer_isolated(struct qb_cores *cores, unsigned want)
{
	unsigned weight = 0;

	for (size_t i = 0; i < cores->n_picks; i++)
		if (cores->picks[i]->isolated == (want == 1))
			weight += cores->picks[i]->weight;
	if (weight >= want)
		qb_cores_keep(cores, want == 1 ? is_isolated : is_balanced, 0);
}

/* With kind any: one kind if one has enough, the fastest such. Kinds never mix silently. */
static void choose_kind(const struct qb_cpus_wish *w, struct qb_cores *cores, unsigned want,
	struct qb_selection *selection)
{
	const struct qb_topology *t = w->topology;

	if (t->kinds < 2 || w->kind >= 0)
		return;
	for (int16_t kind = (int16_t)(t->kinds - 1); kind >= 0; kind--) {
		unsigned weight = 0;

		for (size_t i = 0; i < cores->n_picks; i++)
			if (cores->picks[i]->first->kind == kind)
				weight += cores->picks[i]->weight;
		if (weight >= want) {
			qb_cores_keep(cores, is_of_kind, kind);
			return;
		}
	}
	qb_select_note(selection, "fast and slow cores mixed: %s",
		w->count == QB_COUNT_ALL ? "all are asked for" : "no kind has enough");
}

static bool avoided(const struct qb_cpus_wish *w, unsigned cpu)
{
	return w->count != QB_COUNT_ALL && cpu == w->topology->boot_cpu;
}

/* CPUs of one core, at most `want`; the boot CPU last unless all is taken. Returns how many. */
static unsigned choose_of_core(const struct qb_cpus_wish *w, const struct qb_core *core,
	const struct qb_cpus *from, unsigned want, struct qb_cpus *bench)
{
	unsigned taken = 0;

	for (unsigned k = 0; k < 2 * core->n && taken < want; k++) {
		unsigned cpu = core->pus[k % core->n]->cpu;
		bool last = k >= core->n;

		if (!qb_cpus_has(from, cpu) || avoided(w, cpu) != last)
			continue;
		qb_cpus_add(bench, cpu);
		taken++;
	}
	return taken;
}

/* Chooses by count, from the CPUs in `from`; why goes to s->why. */
static int choose(const struct qb_cpus_wish *w, struct qb_cores *cores, const struct qb_cpus *from,
	struct qb_selection *s, struct qb_error *err)
{
	enum qb_within within = w->count == QB_COUNT_NUMBER ? w->within : QB_WITHIN_ANY;
	unsigned want = 0, left;
	bool spare;
	int r = filter(w, cores, s, err);

	if (r < 0)
		return r;
	r = resolve_count(w, cores, &want, err);
	if (r < 0)
		return r;
	choose_kind(w, cores, want, s);
	prefer_isolated(cores, want);
	spare = qb_cores_weight(cores) > want;
	within = qb_cores_place(cores, within, want);
	left = want;
	for (size_t i = 0; i < cores->n_picks && left; i++)
		left -= choose_of_core(w, cores->picks[i], from, w->share ? left : 1, &s->bench);
	qb_select_note_level(w, cores, within, want, s);
	qb_select_explain(w, cores, want, within, spare, s);
	return 0;
}

/* Siblings of the benchmark's CPUs: kept idle where they are ours to keep. */
static void reserve(
	const struct qb_cpus_wish *w, const struct qb_cores *cores, struct qb_selection *s)
{
	struct qb_cpus busy = {0};
	char list[64];

	for (size_t i = 0; i < cores->n; i++) {
		const struct qb_core *core = &cores->all[i];
		bool used = false;

		for (unsigned k = 0; k < core->n; k++)
			used |= qb_cpus_has(&s->bench, core->pus[k]->cpu);
		for (unsigned k = 0; used && k < core->n; k++) {
			unsigned cpu = core->pus[k]->cpu;

			if (qb_cpus_has(&s->bench, cpu))
				continue;
			if (qb_cpus_has(&w->usable, cpu) &&
				!(w->avoid_boot && cpu == w->topology->boot_cpu))
				qb_cpus_add(&s->reserved, cpu);
			else
				qb_cpus_add(&busy, cpu);
		}
	}
	if (qb_cpus_empty(&busy))
		return;
	qb_select_note(s, "%s %s beside the benchmark cannot be kept idle",
		qb_cpus_count(&busy) == 1 ? "sibling" : "siblings",
		qb_cpus_text(&busy, list, sizeof(list)));
}

/* Does `all` mean every core? Of one kind, one node, or what the caller may use it need not. */
static bool covers_host(
	const struct qb_cpus_wish *w, const struct qb_cores *cores, const struct qb_selection *s)
{
	for (size_t i = 0; i < cores->n; i++) {
		bool used = false;

		for (unsigned k = 0; k < cores->all[i].n; k++)
			used |= qb_cpus_has(&s->bench, cores->all[i].pus[k]->cpu);
		if (!used)
			return false;
	}
	return w->count == QB_COUNT_ALL && !w->listed;
}

/* The scheduler puts nothing on CPUs that were isolated at boot: they are for housekeeping only if there are no other CPUs. */
static void leave_isolated(const struct qb_topology *t, struct qb_selection *s)
{
	struct qb_cpus isolated = s->housekeeping;
	char list[64];

	qb_cpus_and(&isolated, &t->isolated);
	if (qb_cpus_empty(&isolated))
		return;
	if (qb_cpus_subset(&s->housekeeping, &isolated)) {
		qb_select_note(s, "no CPU but %s, isolated at boot, is left for housekeeping",
			qb_cpus_text(&isolated, list, sizeof(list)));
		return;
	}
	qb_cpus_andnot(&s->housekeeping, &isolated);
	s->isolated = isolated;
}

/* There must be a housekeeping CPU: a reserved sibling if need be, every CPU if none is left. */
static int leave_housekeeping(
	const struct qb_cpus_wish *w, bool everything, struct qb_selection *s, struct qb_error *err)
{
	const struct qb_topology *t = w->topology;
	unsigned keeper;

	s->housekeeping = t->online;
	if (everything)
		return 0;
	qb_cpus_andnot(&s->housekeeping, &s->bench);
	qb_cpus_andnot(&s->housekeeping, &s->reserved);
	if (!qb_cpus_empty(&s->housekeeping)) {
		leave_isolated(t, s);
		return 0;
	}
	keeper = qb_cpus_has(&s->reserved, t->boot_cpu) ? t->boot_cpu
							: qb_cpus_next(&s->reserved, 0);
	if (keeper < QB_CPUS_MAX) {
		qb_cpus_remove(&s->reserved, keeper);
		qb_cpus_add(&s->housekeeping, keeper);
		qb_select_note(s, "sibling %u is not idle: it is needed for housekeeping", keeper);
		return 0;
	}
	if (qb_cpus_count(&t->online) > 1 && !w->listed)
		return qb_error_set(err, ERANGE,
			"cpus.count %u: no CPU would be left for housekeeping; ask for fewer, for max "
			"(all but one core) or for all (-n all: every CPU, no isolation)",
			w->number);
	s->housekeeping = t->online;
	qb_select_note(s, "%s",
		qb_cpus_count(&t->online) > 1
			? "the list holds every CPU: other tasks cannot be kept off"
			: "this host has one CPU: other tasks cannot be kept off");
	return 0;
}

static void fill_nodes(const struct qb_topology *t, struct qb_selection *s)
{
	const unsigned bits = 32, max = (unsigned)(QB_ARRAY_SIZE(s->nodes) * bits);

	for (unsigned i = 0; i < t->n; i++) {
		unsigned node = (unsigned)t->pus[i].os_node; /* -1 is beyond max */

		if (node < max && qb_cpus_has(&s->bench, t->pus[i].cpu))
			s->nodes[node / bits] |= UINT32_C(1) << node % bits;
	}
}

static int select_as_wished(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, struct qb_selection *ret, struct qb_error *err)
{
	_cleanup_(qb_cores_free) struct qb_cores cores = {0};
	struct qb_selection s = {.isolation = QB_ISOLATION_NONE};
	struct qb_cpus_wish w;
	bool everything;
	int r = qb_cpus_wish_read(topology, profile, allowed, &w, err);

	if (r < 0)
		return r;
	r = qb_cores_init(&cores, topology, &w.from, w.share, err);
	if (r < 0)
		return r;
	if (w.listed && !w.counted) {
		s.bench = w.list;
		qb_select_explain_list(&w, &cores, &s);
	} else {
		r = choose(&w, &cores, &w.from, &s, err);
		if (r < 0)
			return r;
		qb_select_note_denied(&w, &s);
	}
	qb_select_note_isolated(&w, &s);
	everything = covers_host(&w, &cores, &s);
	if (!w.share && !everything)
		reserve(&w, &cores, &s);
	r = leave_housekeeping(&w, everything, &s, err);
	if (r < 0)
		return r;
	fill_nodes(topology, &s);
	s.balanced = qb_cpus_count(&s.bench) > 1;
	*ret = s;
	return 0;
}

/* What the caller could have by asking for as many as possible; by no list, if there was one. */
static unsigned count_most(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, const struct qb_selection *chosen)
{
	struct qb_profile greedy = *profile;
	struct qb_selection most;

	greedy.set[QB_KEY_CPUS_LIST] = (struct qb_setting){.kind = QB_SETTING_UNSET};
	greedy.set[QB_KEY_CPUS_COUNT] = (struct qb_setting){.kind = QB_SETTING_WORD};
	qb_text_copy(greedy.set[QB_KEY_CPUS_COUNT].text, QB_SETTING_TEXT, "max");
	if (select_as_wished(topology, &greedy, allowed, &most, NULL) < 0)
		most = *chosen;
	return qb_cpus_count(&most.bench);
}

int qb_select(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, struct qb_selection *ret, struct qb_error *err)
{
	struct qb_selection chosen;
	int r = select_as_wished(topology, profile, allowed, &chosen, err);

	if (r < 0)
		return r;
	chosen.most = count_most(topology, profile, allowed, &chosen);
	*ret = chosen;
	return 0;
}
