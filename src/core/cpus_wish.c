/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/cpus_wish.h */
#include <base/macros.h>
#include <base/text.h>
#include <core/cpus_wish.h>
#include <errno.h>

const char *qb_cpus_wish_text(const struct qb_cpus *set, char *buf, size_t size)
{
	if (qb_cpus_format_list(set, buf, size) < 0)
		qb_text_format(
			buf, size, "%u CPUs from %u on", qb_cpus_count(set), qb_cpus_next(set, 0));
	return buf;
}

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
		qb_cpus_wish_text(&w->list, list, sizeof(list)),
		qb_cpus_wish_text(&bad, named, sizeof(named)), why,
		qb_cpus_wish_text(instead, good, sizeof(good)));
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
	if (r == 0)
		r = refuse(w, denied, "forbidden to this process (its cpuset or taskset)",
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
		r = judge_list(&w, err);
		if (r < 0)
			return r;
		w.listed = true;
		w.counted = count->explicit_ && w.count != QB_COUNT_ALL;
		w.kind = -1;
		w.avoid_boot = false;
	}
	*ret = w;
	return 0;
}
