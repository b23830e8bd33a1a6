/* SPDX-License-Identifier: GPL-2.0-or-later */
/* select_internal.h: what is said of the choice. */
#include <base/macros.h>
#include <base/text.h>
#include <core/select_internal.h>
#include <stdarg.h>

void qb_select_note(struct qb_selection *selection, const char *fmt, ...)
{
	char text[sizeof(selection->note)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	qb_text_join(selection->note, sizeof(selection->note), "; ", "%s", text);
}

const char *qb_select_kind_text(const struct qb_topology *t, int kind)
{
	if (kind == t->kinds - 1)
		return " of the fastest kind";
	return kind == 0 ? " of the slowest kind" : " of a middle kind";
}

/* "sharing one L3" */
static const char *level_text(enum qb_within within, const struct qb_cores *cores)
{
	const char *cache = qb_cores_cache(cores->picks[0]->first);

	switch (within) {
	case QB_WITHIN_CORE: return "in one core";
	case QB_WITHIN_L3:
		return strcmp(cache, "L3") == 0	  ? "sharing one L3"
		       : strcmp(cache, "L2") == 0 ? "sharing one L2"
						  : "sharing one last-level cache";
	case QB_WITHIN_PACKAGE: return "in one package";
	case QB_WITHIN_NODE: return "on one NUMA node";
	case QB_WITHIN_ANY: break;
	}
	return "spread over the host";
}

/* Of one kind, isolated at boot, beside the boot CPU: what is true of every CPU that was chosen. */
struct facts {
	int kind; /* -1: several */
	bool isolated, away;
};

static struct facts gather_facts(
	const struct qb_topology *t, const struct qb_cores *cores, const struct qb_cpus *bench)
{
	struct facts facts = {
		.kind = -1, .isolated = qb_cpus_subset(bench, &t->isolated), .away = true};
	bool first = true;

	for (size_t i = 0; i < cores->n; i++)
		for (unsigned k = 0; k < cores->all[i].n; k++) {
			const struct qb_pu *pu = cores->all[i].pus[k];

			if (!qb_cpus_has(bench, pu->cpu))
				continue;
			facts.away &= !cores->all[i].boot;
			facts.kind = first || facts.kind == pu->kind ? pu->kind : -1;
			first = false;
		}
	return facts;
}

void qb_select_explain_list(
	const struct qb_cpus_wish *w, const struct qb_cores *cores, struct qb_selection *s)
{
	char list[128];

	qb_text_format(s->why, sizeof(s->why), "as asked: cpus.list %s",
		qb_cpus_text(&w->list, list, sizeof(list)));
	if (gather_facts(w->topology, cores, &s->bench).kind < 0)
		qb_select_note(s, "fast and slow cores mixed, as the list says");
}

void qb_select_explain(const struct qb_cpus_wish *w, const struct qb_cores *cores, unsigned want,
	enum qb_within within, bool spare, struct qb_selection *s)
{
	const struct qb_topology *t = w->topology;
	struct facts facts = gather_facts(t, cores, &s->bench);
	char number[32], list[96], of[112] = "", node[32] = "", away[40] = "";
	const char *unit = w->share ? "CPU" : "core", *kind = "";
	const char *level =
		want > 1 && w->count == QB_COUNT_NUMBER ? level_text(within, cores) : "";

	if (cores->n == 1 && want == 1)
		qb_text_format(number, sizeof(number), "the only %s", unit);
	else
		qb_text_format(number, sizeof(number), "%u %s%s", want, unit, want == 1 ? "" : "s");
	if (t->kinds > 1 && facts.kind >= 0)
		kind = qb_select_kind_text(t, facts.kind);
	if (w->listed)
		qb_text_format(of, sizeof(of), " of cpus.list %s",
			qb_cpus_text(&w->list, list, sizeof(list)));
	if (w->node >= 0)
		qb_text_format(node, sizeof(node), " on node %ld", w->node);
	if (facts.away)
		qb_text_format(away, sizeof(away), ", away from boot CPU %u", t->boot_cpu);
	qb_text_format(s->why, sizeof(s->why), "%s%s%s%s%s%s%s%s%s%s",
		w->count == QB_COUNT_ALL	      ? "all: "
		: w->count == QB_COUNT_MAX || w->lone ? "max: "
						      : "",
		number, of, kind, node, level[0] ? " " : "", level,
		facts.isolated ? ", isolated at boot" : "", away,
		spare ? ", the last of those alike" : "");
}

void qb_select_note_level(const struct qb_cpus_wish *w, const struct qb_cores *cores,
	enum qb_within got, unsigned want, struct qb_selection *s)
{
	if (w->count != QB_COUNT_NUMBER || want < 2 || got == w->within)
		return;
	qb_select_note(s, "there are no %u free %s %s: these are %s", want,
		w->share ? "CPUs" : "cores", level_text(w->within, cores), level_text(got, cores));
}

void qb_select_note_denied(const struct qb_cpus_wish *w, struct qb_selection *s)
{
	struct qb_cpus denied = w->list;
	char list[96];

	qb_cpus_andnot(&denied, &w->usable);
	if (!qb_cpus_empty(&denied))
		qb_select_note(s,
			"CPU %s of cpus.list is forbidden to this process (its cpuset, taskset or session)",
			qb_cpus_text(&denied, list, sizeof(list)));
}

void qb_select_note_isolated(const struct qb_cpus_wish *w, struct qb_selection *s)
{
	struct qb_cpus isolated = s->bench;
	char list[96];

	qb_cpus_and(&isolated, &w->topology->isolated);
	if (w->lone)
		qb_select_note(s,
			"the CPUs beside the boot CPU's core are isolated at boot: threads are not "
			"spread over them, so this is one of them");
	if (qb_cpus_count(&s->bench) < 2 || qb_cpus_empty(&isolated))
		return;
	s->unspread = true;
	qb_cpus_text(&isolated, list, sizeof(list));
	if (qb_cpus_count(&isolated) == 1)
		qb_select_note(
			s, "CPU %s is isolated at boot: no thread is moved to it or off it", list);
	else
		qb_select_note(s,
			"CPUs %s are isolated at boot: threads stay where they start, so pin each",
			list);
}
