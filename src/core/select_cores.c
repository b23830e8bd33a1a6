/* SPDX-License-Identifier: GPL-2.0-or-later */
/* select_internal.h: the candidates, and the wish. */
#include <base/macros.h>
#include <base/text.h>
#include <core/select_internal.h>
#include <errno.h>

/* Rows of one core next to each other; a CPU of unknown core stands alone. */
static int compare_pus(const void *va, const void *vb)
{
	const struct qb_pu *a = *(const struct qb_pu *const *)va;
	const struct qb_pu *b = *(const struct qb_pu *const *)vb;

	if (a->core != b->core)
		return a->core < b->core ? -1 : 1;
	return (int)a->cpu - (int)b->cpu;
}

static bool same_core(const struct qb_pu *a, const struct qb_pu *b)
{
	return a->core >= 0 && a->core == b->core;
}

static void weigh(
	struct qb_core *core, const struct qb_topology *t, const struct qb_cpus *usable, bool share)
{
	core->isolated = true;
	for (unsigned i = 0; i < core->n; i++) {
		const struct qb_pu *pu = core->pus[i];

		core->boot |= pu->cpu == t->boot_cpu;
		if (!qb_cpus_has(usable, pu->cpu))
			continue;
		core->usable++;
		core->isolated &= qb_cpus_has(&t->isolated, pu->cpu);
		if (!core->first || core->first->cpu == t->boot_cpu)
			core->first = pu;
	}
	core->whole = core->usable == core->n;
	core->weight = share || !core->usable ? core->usable : 1;
}

int qb_cores_init(struct qb_cores *ret, const struct qb_topology *topology,
	const struct qb_cpus *usable, bool share, struct qb_error *err)
{
	_cleanup_(qb_cores_free) struct qb_cores cores = {.topology = topology};
	size_t n = topology->n ? topology->n : 1;

	cores.pus = calloc(n, sizeof(struct qb_pu *));
	cores.all = calloc(n, sizeof(*cores.all));
	cores.picks = calloc(n, sizeof(struct qb_core *));
	if (!cores.pus || !cores.all || !cores.picks)
		return qb_error_errno(err, ENOMEM, "choose among %u CPUs", topology->n);
	for (unsigned i = 0; i < topology->n; i++)
		cores.pus[i] = &topology->pus[i];
	qsort(cores.pus, topology->n, sizeof(*cores.pus), compare_pus);
	for (unsigned i = 0; i < topology->n; i++) {
		if (i == 0 || !same_core(cores.pus[i - 1], cores.pus[i]))
			cores.all[cores.n++].pus = &cores.pus[i];
		cores.all[cores.n - 1].n++;
	}
	for (size_t i = 0; i < cores.n; i++) {
		weigh(&cores.all[i], topology, usable, share);
		if (cores.all[i].usable)
			cores.picks[cores.n_picks++] = &cores.all[i];
	}
	*ret = cores;
	cores = (struct qb_cores){0};
	return 0;
}

void qb_cores_free(struct qb_cores *cores)
{
	if (!cores)
		return;
	free(cores->pus);
	free(cores->all);
	free(cores->picks);
	*cores = (struct qb_cores){0};
}

void qb_cores_keep(
	struct qb_cores *cores, bool (*keep)(const struct qb_core *core, long value), long value)
{
	size_t kept = 0;

	for (size_t i = 0; i < cores->n_picks; i++)
		if (keep(cores->picks[i], value))
			cores->picks[kept++] = cores->picks[i];
	cores->n_picks = kept;
}

unsigned qb_cores_weight(const struct qb_cores *cores)
{
	unsigned sum = 0;

	for (size_t i = 0; i < cores->n_picks; i++)
		sum += cores->picks[i]->weight;
	return sum;
}

/* Numbers of L2s come after those of L3s: a host may have both as last level. */
#define L2_FROM (INT16_MAX + 1)

static int last_cache(const struct qb_pu *pu)
{
	return pu->l3 >= 0 ? pu->l3 : pu->l2 >= 0 ? L2_FROM + pu->l2 : -1;
}

const char *qb_cores_cache(const struct qb_pu *pu)
{
	return pu->l3 >= 0 ? "L3" : pu->l2 >= 0 ? "L2" : "last-level cache";
}

/* The group a core belongs to at this level; -1: the host does not tell, so it is in none. */
static int group_of(const struct qb_pu *pu, enum qb_within within)
{
	switch (within) {
	case QB_WITHIN_CORE: return pu->core;
	case QB_WITHIN_L3: return last_cache(pu);
	case QB_WITHIN_PACKAGE: return pu->package;
	case QB_WITHIN_NODE: return pu->node;
	case QB_WITHIN_ANY: return 0;
	}
	return -1;
}

/* Best first, the boot CPU's core last. Of equals the highest number, whole groups together. */
static int compare_cores(const struct qb_core *a, const struct qb_core *b)
{
	if (a->boot != b->boot)
		return a->boot ? 1 : -1;
	if (a->first->kind != b->first->kind)
		return a->first->kind > b->first->kind ? -1 : 1;
	if (a->isolated != b->isolated)
		return a->isolated ? -1 : 1;
	if (a->whole != b->whole)
		return a->whole ? -1 : 1;
	if (a->first->node != b->first->node)
		return a->first->node > b->first->node ? -1 : 1;
	if (a->first->package != b->first->package)
		return a->first->package > b->first->package ? -1 : 1;
	if (last_cache(a->first) != last_cache(b->first))
		return last_cache(a->first) > last_cache(b->first) ? -1 : 1;
	return (int)b->first->cpu - (int)a->first->cpu;
}

static int compare_picks(const void *va, const void *vb, void *level)
{
	const struct qb_core *a = *(struct qb_core *const *)va, *b = *(struct qb_core *const *)vb;
	enum qb_within within = *(enum qb_within *)level;
	int in_a = group_of(a->first, within), in_b = group_of(b->first, within);

	if (in_a != in_b)
		return in_a > in_b ? -1 : 1;
	return compare_cores(a, b);
}

/* What speaks for a group: the first difference decides. */
struct group {
	size_t start, n;
	unsigned isolated, whole; /* how much of what is wanted is so, at most all of it */
	bool boot;		  /* the boot CPU is in it */
};

static struct group survey(const struct qb_cores *cores, size_t start, enum qb_within within,
	unsigned want, int boot_group, unsigned *ret_weight)
{
	int id = group_of(cores->picks[start]->first, within);
	struct group group = {.start = start, .boot = id == boot_group};

	*ret_weight = 0;
	for (size_t i = start; i < cores->n_picks; i++) {
		const struct qb_core *core = cores->picks[i];

		if (group_of(core->first, within) != id)
			break;
		group.n++;
		*ret_weight += core->weight;
		group.isolated += core->isolated ? core->weight : 0;
		group.whole += core->whole ? core->weight : 0;
	}
	if (group.isolated > want)
		group.isolated = want;
	if (group.whole > want)
		group.whole = want;
	return group;
}

static bool better(const struct group *a, const struct group *b)
{
	if (a->isolated != b->isolated)
		return a->isolated > b->isolated;
	if (a->whole != b->whole)
		return a->whole > b->whole;
	return !a->boot && b->boot;
}

static int boot_group(const struct qb_cores *cores, enum qb_within within)
{
	for (size_t i = 0; i < cores->n; i++)
		if (cores->all[i].boot)
			return group_of(cores->all[i].pus[0], within);
	return -1;
}

/* Groups come in descending order, so that of equals the first met is the highest. */
static bool place_at(struct qb_cores *cores, enum qb_within within, unsigned want)
{
	int boot = boot_group(cores, within);
	struct group best = {0};

	qsort_r(cores->picks, cores->n_picks, sizeof(struct qb_core *), compare_picks, &within);
	for (size_t at = 0; at < cores->n_picks;) {
		unsigned weight;
		struct group group = survey(cores, at, within, want, boot, &weight);

		at += group.n;
		if (weight < want || group_of(cores->picks[group.start]->first, within) < 0)
			continue;
		if (!best.n || better(&group, &best))
			best = group;
	}
	if (!best.n)
		return false;
	memmove(cores->picks, cores->picks + best.start, best.n * sizeof(struct qb_core *));
	cores->n_picks = best.n;
	return true;
}

enum qb_within qb_cores_place(struct qb_cores *cores, enum qb_within within, unsigned want)
{
	while (!place_at(cores, within, want) && within < QB_WITHIN_ANY)
		within++;
	return within;
}

/* ---- the wish ---- */

static enum qb_within read_within(const struct qb_setting *setting)
{
	static const char *const names[] = {
		[QB_WITHIN_CORE] = "core",
		[QB_WITHIN_L3] = "l3",
		[QB_WITHIN_PACKAGE] = "package",
		[QB_WITHIN_NODE] = "node",
		[QB_WITHIN_ANY] = "any",
	};

	for (unsigned i = 0; i < QB_ARRAY_SIZE(names); i++)
		if (qb_setting_is(setting, names[i]))
			return (enum qb_within)i;
	return QB_WITHIN_ANY;
}

static int read_kind(const struct qb_topology *t, const struct qb_setting *setting)
{
	if (t->kinds < 2 || qb_setting_is(setting, "any"))
		return -1;
	return qb_setting_is(setting, "efficiency") ? 0 : t->kinds - 1;
}

/* Names those CPUs of the list that are in `bad`, if any. */
static int refuse(const struct qb_cpus_wish *w, struct qb_cpus bad, const char *why,
	const struct qb_cpus *instead, struct qb_error *err)
{
	char list[128], named[128], good[128];

	if (qb_cpus_empty(&bad))
		return 0;
	return qb_error_set(err, EINVAL, "cpus.list %s: CPU %s: %s; choose from %s",
		qb_cpus_text(&w->list, list, sizeof(list)),
		qb_cpus_text(&bad, named, sizeof(named)), why,
		qb_cpus_text(instead, good, sizeof(good)));
}

static int judge_list(const struct qb_cpus_wish *w, struct qb_error *err)
{
	const struct qb_topology *t = w->topology;
	struct qb_cpus unknown = w->list, offline = w->list, denied = w->list, node = w->usable;
	int r;

	qb_cpus_andnot(&unknown, &t->possible);
	qb_cpus_andnot(&unknown, &t->online);
	qb_cpus_andnot(&offline, &unknown);
	qb_cpus_andnot(&offline, &t->online);
	qb_cpus_and(&denied, &t->online);
	qb_cpus_andnot(&denied, &w->usable);
	r = refuse(w, unknown, "not on this host", &t->online, err);
	if (r == 0)
		r = refuse(w, offline, "offline", &t->online, err);
	if (r == 0 && !(w->counted && qb_cpus_intersect(&w->list, &w->usable)))
		r = refuse(w, denied, "forbidden to this process (its cpuset, taskset or session)",
			&w->usable, err);
	if (r < 0 || w->node < 0)
		return r;
	for (unsigned i = 0; i < t->n; i++)
		if (t->pus[i].os_node != w->node)
			qb_cpus_remove(&node, t->pus[i].cpu);
	denied = w->list;
	qb_cpus_andnot(&denied, &node);
	return refuse(w, denied, "not on the node of cpus.node", &node, err);
}

static bool is_beside_boot(const struct qb_topology *t, const struct qb_cpus *cpus)
{
	const struct qb_pu *boot = NULL;
	struct qb_cpus left = *cpus;

	for (unsigned i = 0; i < t->n; i++)
		if (t->pus[i].cpu == t->boot_cpu)
			boot = &t->pus[i];
	for (unsigned i = 0; boot && i < t->n; i++)
		if (&t->pus[i] == boot || same_core(&t->pus[i], boot))
			qb_cpus_remove(&left, t->pus[i].cpu);
	return !qb_cpus_empty(&left);
}

/*
 * The scheduler moves no thread to or from a CPU that was isolated at boot: several threads would
 * stay on the one they start on. So several CPUs are none of those, but for `all`, and for a list.
 * Where max finds nothing else beside the boot CPU's core, it is one of them.
 */
static void find_candidates(struct qb_cpus_wish *w)
{
	const struct qb_topology *t = w->topology;
	struct qb_cpus isolated = w->usable;

	w->from = w->usable;
	if (w->listed)
		qb_cpus_and(&w->from, &w->list);
	if (w->listed || w->count == QB_COUNT_ALL ||
		(w->count == QB_COUNT_NUMBER && w->number == 1))
		return;
	qb_cpus_andnot(&w->from, &t->isolated);
	qb_cpus_and(&isolated, &t->isolated);
	if (w->count != QB_COUNT_MAX || qb_cpus_empty(&isolated) || is_beside_boot(t, &w->from))
		return;
	w->from = isolated;
	w->count = QB_COUNT_NUMBER;
	w->number = 1;
	w->lone = true;
}

int qb_cpus_wish_read(const struct qb_topology *t, const struct qb_profile *p,
	const struct qb_cpus *allowed, struct qb_cpus_wish *ret, struct qb_error *err)
{
	const struct qb_setting *count = &p->set[QB_KEY_CPUS_COUNT];
	const struct qb_setting *list = &p->set[QB_KEY_CPUS_LIST];
	const struct qb_setting *node = &p->set[QB_KEY_CPUS_NODE];
	struct qb_cpus_wish w = {.topology = t, .usable = t->online};

	if (!qb_cpus_empty(allowed))
		qb_cpus_and(&w.usable, allowed);
	if (qb_cpus_empty(&w.usable))
		return qb_error_set(
			err, EINVAL, "choose CPUs: none of those this process may use is online");
	w.count = qb_setting_is(count, "all")	? QB_COUNT_ALL
		  : qb_setting_is(count, "max") ? QB_COUNT_MAX
						: QB_COUNT_NUMBER;
	w.number = count->kind == QB_SETTING_NUMBER ? (unsigned)count->number : 1;
	w.share = qb_setting_is(&p->set[QB_KEY_CPUS_SMT], "share");
	w.within = read_within(&p->set[QB_KEY_CPUS_WITHIN]);
	w.kind = read_kind(t, &p->set[QB_KEY_CPUS_KIND]);
	w.node = node->kind == QB_SETTING_NUMBER ? (long)node->number : -1;
	for (const char *word = NULL; (word = qb_setting_next(&p->set[QB_KEY_CPUS_AVOID], word));)
		w.avoid_boot |= strcmp(word, "boot-cpu") == 0;
	if (list->text[0]) {
		int r = qb_cpus_parse_list(list->text, &w.list);

		if (r < 0)
			return qb_error_set(
				err, -r, "cpus.list %s: not a list of CPUs", list->text);
		w.listed = true;
		w.counted = count->explicit_ && w.count != QB_COUNT_ALL;
		r = judge_list(&w, err);
		if (r < 0)
			return r;
		w.kind = -1;
		w.avoid_boot = false;
	}
	find_candidates(&w);
	*ret = w;
	return 0;
}
