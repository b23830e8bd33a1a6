/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provision.h: from what a profile asks of this host to items. */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <limits.h>
#include <quietbench/lever.h>
#include <sys/stat.h>

struct planning {
	const struct qb_answer *answer;
	const struct qb_provision *now;
	struct qb_provision *plan;
	char list[QB_PROVISION_TEXT], housekeeping[QB_PROVISION_TEXT];
	char *cmdline;
	bool systemd;
};

#define OUT_OF_MEMORY(err) qb_error_errno((err), ENOMEM, "plan what to provision")

static const struct qb_setting *setting(const struct planning *p, enum qb_key key)
{
	return &p->answer->profile.set[key];
}

/* ---- items ---- */

static struct qb_provision_item *add_item(
	struct planning *p, const char *name, const char *value, struct qb_error *err)
{
	const unsigned row = (unsigned)qb_provision_find(name);
	struct qb_provision_item *item = qb_provision_add_item(p->plan, row);
	const char *text = qb_provisions[row].text, *place = strchr(text, '<');
	bool whole;

	if (!item) {
		OUT_OF_MEMORY(err);
		return NULL;
	}
	whole = qb_text_copy(item->value, sizeof(item->value), value) &&
		(place ? qb_text_format(item->text, sizeof(item->text), "%.*s%s",
				 (int)(place - text), text, value)
		       : qb_text_copy(item->text, sizeof(item->text), text));
	if (!whole) {
		item->state = QB_PROVISION_UNAVAILABLE;
		qb_text_copy(item->reason, sizeof(item->reason),
			"the list of CPUs is too long for the kernel's arguments: choose neighbours (-c)");
	}
	return item;
}

/* The word of a list of arguments that sets the same parameter as `argument`; "": none. */
static void find_argument(const char *args, const char *argument, char *buf, size_t size)
{
	const size_t n = strcspn(argument, "=") + 1;

	buf[0] = '\0';
	for (const char *word = args + strspn(args, " "); *word; word += strspn(word, " ")) {
		const size_t length = strcspn(word, " ");

		if (length >= n && strncmp(word, argument, n) == 0)
			qb_text_format(buf, size, "%.*s", (int)length, word);
		word += length;
	}
}

/* The same argument from somebody else is theirs; another value of it would be ours against theirs. */
static void judge_argument(const struct planning *p, struct qb_provision_item *item)
{
	char theirs[QB_PROVISION_TEXT], ours[QB_PROVISION_TEXT];

	find_argument(p->cmdline, item->text, theirs, sizeof(theirs));
	find_argument(p->now->args, item->text, ours, sizeof(ours));
	if (!*theirs || strcmp(theirs, ours) == 0)
		return;
	if (strcmp(theirs, item->text) != 0 || p->plan->loader == QB_PROVISION_GRUBBY)
		SET_WITH_REASON(item, state, QB_PROVISION_REFUSED,
			"the host was booted with %s, which quietbench did not provision: remove it from the "
			"boot loader's configuration, or boot once more if it is the rest of an earlier one",
			theirs);
}

static int add_argument(
	struct planning *p, const char *name, const char *value, struct qb_error *err)
{
	struct qb_provision_item *item = add_item(p, name, value, err);

	if (!item)
		return -ENOMEM;
	if (item->state == QB_PROVISION_WANTED)
		judge_argument(p, item);
	return 0;
}

/* The kernel keeps the tick of the CPU that it boots on. */
static int add_nohz(struct planning *p, const struct qb_cpus *cpus, struct qb_error *err)
{
	char list[QB_PROVISION_TEXT];
	struct qb_cpus tickless = *cpus;
	struct qb_provision_item *item;

	qb_cpus_remove(&tickless, p->answer->host.boot_cpu);
	if (qb_cpus_format_list(&tickless, list, sizeof(list)) < 0)
		qb_text_copy(list, sizeof(list), p->list);
	item = add_item(p, "nohz_full", list, err);
	if (!item)
		return -ENOMEM;
	if (!qb_file_exists("/sys/devices/system/cpu/nohz_full"))
		SET_WITH_REASON(item, state, QB_PROVISION_UNAVAILABLE,
			"this kernel was built without it (CONFIG_NO_HZ_FULL)");
	else if (qb_cpus_empty(&tickless))
		SET_WITH_REASON(
			item, state, QB_PROVISION_UNAVAILABLE, "the boot CPU keeps its tick");
	else if (item->state == QB_PROVISION_WANTED)
		judge_argument(p, item);
	return 0;
}

static int plan_isolation(struct planning *p, const struct qb_cpus *cpus, struct qb_error *err)
{
	const struct qb_setting *isolation = setting(p, QB_KEY_CPUS_ISOLATION);
	int r;

	if (qb_setting_is(isolation, "none"))
		return 0;
	r = add_argument(p, qb_setting_is(isolation, "auto") ? "isolcpus" : "isolcpus-managed",
		p->list, err);
	if (r == 0)
		r = add_nohz(p, cpus, err);
	if (r == 0)
		r = add_argument(p, "rcu_nocbs", p->list, err);
	if (r == 0)
		r = add_argument(p, "skew_tick", "1", err);
	/* Once it has booted with it, it is v2 because of it. */
	if (r == 0 && p->systemd &&
		(!qb_file_exists("/sys/fs/cgroup/cgroup.controllers") ||
			qb_text_has_word(p->now->args, "systemd.unified_cgroup_hierarchy=1")))
		r = add_argument(p, "cgroup-v2", "1", err);
	return r;
}

/* What the planner says of a lever: its step with a value, else one that says why there is none. */
static const struct qb_step *step_of(const struct planning *p, int lever)
{
	const struct qb_step *found = NULL;

	for (size_t i = 0; i < p->answer->steps.n; i++) {
		const struct qb_step *step = &p->answer->steps.v[i];

		if (step->lever == lever && step->wanted)
			return step;
		if (step->lever == lever && step->reason)
			found = step;
	}
	return found;
}

static int plan_governor(struct planning *p, struct qb_error *err)
{
	const struct qb_step *step = step_of(p, QB_LEVER_GOVERNOR);
	struct qb_provision_item *item;

	if (!step || qb_setting_is(setting(p, QB_KEY_FREQUENCY_GOVERNOR), "keep"))
		return 0;
	if (step->wanted)
		return add_argument(p, "governor", step->wanted, err);
	item = add_item(p, "governor", setting(p, QB_KEY_FREQUENCY_GOVERNOR)->text, err);
	if (!item)
		return -ENOMEM;
	SET_WITH_REASON(item, state, QB_PROVISION_UNAVAILABLE, "%s", step->reason);
	return 0;
}

/* The line that has the attribute of this row read `value`. */
static void attribute_text(
	const struct qb_provision_row *row, const char *value, char *buf, size_t size)
{
	const char *path = qb_levers[row->lever].path;

	if (row->kind == QB_PROVISION_TMPFILES) {
		qb_text_format(buf, size, "w %s - - - - %s", path, value);
		return;
	}
	path += strlen("/proc/sys/");
	qb_text_format(buf, size, "%s = %s", path, value);
	for (char *slash = buf; (slash = strchr(slash, '/'));)
		*slash = '.';
}

static int plan_attributes(struct planning *p, struct qb_error *err)
{
	for (unsigned row = 0; row < qb_provisions_n; row++) {
		const struct qb_provision_row *of = &qb_provisions[row];
		const struct qb_step *step = of->lever < 0 ? NULL : step_of(p, of->lever);
		struct qb_provision_item *item = step ? qb_provision_add_item(p->plan, row) : NULL;

		if (!step)
			continue;
		if (!item)
			return OUT_OF_MEMORY(err);
		if (!step->wanted)
			SET_WITH_REASON(item, state, QB_PROVISION_UNAVAILABLE, "%s", step->reason);
		else if (of->kind == QB_PROVISION_TMPFILES && !p->systemd)
			SET_WITH_REASON(
				item, state, QB_PROVISION_UNAVAILABLE, "systemd does not run here");
		attribute_text(
			of, step->wanted ? step->wanted : "?", item->text, sizeof(item->text));
		qb_text_copy(item->value, sizeof(item->value), step->wanted ? step->wanted : "");
		if (of->lever == QB_LEVER_BOOST && item->state == QB_PROVISION_WANTED &&
			!add_item(p, "late", "", err))
			return -ENOMEM;
	}
	return 0;
}

/* Where a unit of the distribution's is; false: it is not installed. */
static bool is_installed(const char *unit)
{
	static const char *const folders[] = {"/usr/lib/systemd/system", "/lib/systemd/system"};
	char path[PATH_MAX];

	for (size_t i = 0; i < QB_ARRAY_SIZE(folders); i++)
		if (qb_text_format(path, sizeof(path), "%s/%s", folders[i], unit) &&
			qb_file_exists(path))
			return true;
	return false;
}

/* Settings of its own file count more than those of a drop-in (systemd.exec(5), EnvironmentFile=). */
static const char *other_ban(void)
{
	static const char *const files[] = {"/etc/default/irqbalance", "/etc/sysconfig/irqbalance"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		char *save = NULL;

		if (qb_file_read_all(files[i], &text, NULL) < 0)
			continue;
		for (char *line = strtok_r(text, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save))
			if (strncmp(line + strspn(line, " \t"), "IRQBALANCE_BANNED_CPU", 21) == 0)
				return files[i];
	}
	return NULL;
}

static int plan_irqbalance(struct planning *p, struct qb_error *err)
{
	const char *theirs = other_ban();
	struct qb_provision_item *item;

	if (qb_setting_is(setting(p, QB_KEY_IRQS_IRQBALANCE), "keep"))
		return 0;
	item = add_item(p, "irqbalance", p->list, err);
	if (!item)
		return -ENOMEM;
	if (!p->systemd || !is_installed("irqbalance.service"))
		SET_WITH_REASON(item, state, QB_PROVISION_UNAVAILABLE,
			"irqbalance is not installed as a service");
	else if (theirs)
		SET_WITH_REASON(item, state, QB_PROVISION_REFUSED,
			"%s bans CPUs, which counts more than a drop-in: remove that line from it",
			theirs);
	return 0;
}

static bool is_timer(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	return dot && strcmp(dot, ".timer") == 0 && !strchr(unit, '/');
}

static int plan_masks(struct planning *p, struct qb_error *err)
{
	const struct qb_setting *stop = setting(p, QB_KEY_SERVICES_STOP);

	for (const char *unit = NULL; (unit = qb_setting_next(stop, unit));) {
		char path[QB_PROVISION_PATH], target[64] = "";
		struct qb_provision_item *item;

		if (!is_timer(unit))
			continue;
		item = add_item(p, "mask", unit, err);
		if (!item)
			return -ENOMEM;
		if (!p->systemd || !is_installed(unit) ||
			!qb_text_format(path, sizeof(path), SYSTEMD_DIR "/%s", unit))
			SET_WITH_REASON(
				item, state, QB_PROVISION_UNAVAILABLE, "it is not installed here");
		else if (qb_provision_object_of(p->now, path) || !qb_file_exists(path))
			continue;
		else if (readlink(path, target, sizeof(target) - 1) > 0 &&
			 strcmp(target, "/dev/null") == 0)
			SET_WITH_REASON(item, state, QB_PROVISION_UNAVAILABLE,
				"somebody else has masked it already");
		else
			SET_WITH_REASON(item, state, QB_PROVISION_REFUSED, "%s is not ours", path);
	}
	return 0;
}

static int plan_all(struct planning *p, const struct qb_cpus *cpus, struct qb_error *err)
{
	int r = plan_isolation(p, cpus, err);

	if (r == 0 && setting(p, QB_KEY_IRQS_MOVE)->number == 1)
		r = add_argument(p, "irqaffinity", p->housekeeping, err);
	if (r == 0)
		r = plan_governor(p, err);
	if (r == 0)
		r = plan_attributes(p, err);
	if (r == 0)
		r = plan_irqbalance(p, err);
	if (r == 0)
		r = plan_masks(p, err);
	return r == 0 ? qb_provision_compose(p->plan, p->now, err) : r;
}

int qb_provision_plan(const struct qb_answer *answer, const struct qb_provision *now,
	struct qb_provision *ret, struct qb_error *err)
{
	_cleanup_(qb_provision_free) struct qb_provision plan = {
		.known = true, .loader = qb_provision_loader_find(now)};
	_cleanup_free_ char *cmdline = NULL;
	struct planning p = {.answer = answer,
		.now = now,
		.plan = &plan,
		.systemd = qb_file_exists("/run/systemd/system")};
	const struct qb_selection *chosen = &answer->selection;
	struct qb_cpus cpus = chosen->bench;
	int r = qb_provision_cmdline(&cmdline, err);

	if (r < 0)
		return r;
	if (qb_cpus_intersect(&chosen->bench, &chosen->housekeeping))
		return qb_error_set(err, EINVAL,
			"no CPU would be left for everything else: a dedicated host needs one for housekeeping (-n max leaves one)");
	qb_cpus_or(&cpus, &chosen->reserved);
	qb_cpus_or(&cpus, &chosen->offline);
	if (qb_cpus_format_list(&cpus, p.list, sizeof(p.list)) < 0 ||
		qb_cpus_format_list(&chosen->bench, plan.benchmark, sizeof(plan.benchmark)) < 0 ||
		qb_cpus_format_list(&chosen->housekeeping, p.housekeeping, sizeof(p.housekeeping)) <
			0)
		return qb_error_set(
			err, E2BIG, "the list of CPUs is too long: choose neighbours (-c)");
	p.cmdline = cmdline;
	qb_text_copy(plan.profile, sizeof(plan.profile), answer->profile.name);
	r = plan_all(&p, &cpus, err);
	if (r < 0)
		return r;
	*ret = plan;
	plan = (struct qb_provision){0};
	return 0;
}
