/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provision.h: which items took effect, by what the kernel shows of them. */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <host/irqbalance.h>
#include <limits.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>

struct looking {
	char *cmdline;
	bool booted; /* since it was applied */
};

/* A list of CPUs of the kernel's. "(null)" is that of no CPU. */
static int read_list(const char *path, struct qb_cpus *ret)
{
	char text[QB_CPUS_TEXT];
	ssize_t n = qb_file_read(path, text, sizeof(text), NULL);

	qb_cpus_zero(ret);
	if (n < 0)
		return (int)n;
	return n == 0 || strstr(text, "(null)") ? 0 : qb_cpus_parse_list(text, ret);
}

static void look_at_list(struct qb_provision_item *item, const char *path)
{
	char list[256];
	struct qb_cpus wanted, there;

	if (qb_cpus_parse_list(item->value, &wanted) < 0 || read_list(path, &there) < 0)
		SET_WITH_REASON(item, took, QB_PROVISION_UNKNOWN, "%s does not tell", path);
	else if (!qb_cpus_subset(&wanted, &there))
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "%s reads \"%s\"", path,
			qb_cpus_text(&there, list, sizeof(list)));
}

static void look_at_affinity(struct qb_provision_item *item)
{
	static const char path[] = "/proc/irq/default_smp_affinity";
	struct qb_cpus wanted, there;
	char text[QB_TEXT_MAX];

	if (qb_cpus_parse_list(item->value, &wanted) < 0 ||
		qb_file_read(path, text, sizeof(text), NULL) < 0 ||
		qb_cpus_parse_hex(text, &there) < 0)
		SET_WITH_REASON(item, took, QB_PROVISION_UNKNOWN, "%s does not tell", path);
	else if (!qb_cpus_equal(&wanted, &there))
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "%s reads %s", path, text);
}

static void look_at_governors(struct qb_provision_item *item)
{
	_cleanup_free_ unsigned *numbers = NULL;
	char path[PATH_MAX], text[64];
	size_t n = 0;

	if (qb_dir_numbers("/sys/devices/system/cpu/cpufreq", "policy", &numbers, &n, NULL) < 0 ||
		n == 0)
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "there is no cpufreq driver");
	for (size_t i = 0; i < n; i++) {
		qb_text_format(path, sizeof(path),
			"/sys/devices/system/cpu/cpufreq/policy%u/scaling_governor", numbers[i]);
		if (qb_file_read(path, text, sizeof(text), NULL) > 0 &&
			strcmp(text, item->value) != 0)
			SET_WITH_REASON(item, took, QB_PROVISION_NOT, "%s reads %s", path, text);
	}
}

/* A CPU whose callbacks are handed over has a thread of its own for them. */
static void look_at_callbacks(struct qb_provision_item *item)
{
	_cleanup_free_ unsigned *pids = NULL;
	struct qb_cpus wanted, there;
	char path[64], name[64], list[256];
	size_t n = 0;
	unsigned cpu;

	qb_cpus_zero(&there);
	if (qb_cpus_parse_list(item->value, &wanted) < 0 ||
		qb_dir_numbers("/proc", "", &pids, &n, NULL) < 0) {
		SET_WITH_REASON(item, took, QB_PROVISION_UNKNOWN, "/proc does not tell");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		qb_text_format(path, sizeof(path), "/proc/%u/comm", pids[i]);
		if (qb_file_read(path, name, sizeof(name), NULL) > 0 &&
			(sscanf(name, "rcuop/%u", &cpu) == 1 ||
				sscanf(name, "rcuos/%u", &cpu) == 1))
			qb_cpus_add(&there, cpu);
	}
	if (!qb_cpus_subset(&wanted, &there))
		SET_WITH_REASON(item, took, QB_PROVISION_NOT,
			"the kernel has such threads (rcuop) for CPUs \"%s\"",
			qb_cpus_text(&there, list, sizeof(list)));
}

static void look_at_argument(struct qb_provision_item *item, const struct looking *at)
{
	const char *name = qb_provisions[item->row].name;

	if (!qb_text_has_word(at->cmdline, item->text)) {
		SET_WITH_REASON(item, took, QB_PROVISION_NOT,
			at->booted ? "it is not in /proc/cmdline: another entry was booted, or "
				     "the boot loader does not have it"
				   : "the host has not booted since it was applied");
		return;
	}
	if (strcmp(name, "isolcpus") == 0)
		look_at_list(item, "/sys/devices/system/cpu/isolated");
	else if (strcmp(name, "nohz_full") == 0)
		look_at_list(item, "/sys/devices/system/cpu/nohz_full");
	else if (strcmp(name, "rcu_nocbs") == 0)
		look_at_callbacks(item);
	else if (strcmp(name, "irqaffinity") == 0)
		look_at_affinity(item);
	else if (strcmp(name, "governor") == 0)
		look_at_governors(item);
	else if (strcmp(name, "cgroup-v2") == 0 &&
		 !qb_file_exists("/sys/fs/cgroup/cgroup.controllers"))
		SET_WITH_REASON(
			item, took, QB_PROVISION_NOT, "cgroup v2 is not mounted at /sys/fs/cgroup");
}

static void look_at_attribute(struct qb_provision_item *item)
{
	const unsigned lever = (unsigned)qb_provisions[item->row].lever;
	const struct qb_unit unit = qb_unit_none();
	struct qb_error err = {0};
	char text[QB_TEXT_MAX];

	if (qb_lever_read(lever, &unit, text, sizeof(text), &err) < 0)
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "%s", err.text);
	else if (!qb_lever_same(lever, text, item->value))
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "it reads %s", text);
}

static void look_at_irqbalance(struct qb_provision_item *item)
{
	struct qb_cpus wanted, banned;
	struct qb_error err = {0};
	char list[256];

	if (qb_irqbalance_banned(&banned, &err) < 0 || qb_cpus_parse_list(item->value, &wanted) < 0)
		SET_WITH_REASON(item, took, QB_PROVISION_UNKNOWN, "%s", err.text);
	else if (!qb_cpus_subset(&wanted, &banned))
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "irqbalance keeps off CPUs \"%s\"",
			qb_cpus_text(&banned, list, sizeof(list)));
}

static void look_at_mask(struct qb_provision_item *item)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	qb_text_format(path, sizeof(path), SYSTEMD_DIR "/%s", item->value);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (strcmp(target, "/dev/null") != 0)
		SET_WITH_REASON(item, took, QB_PROVISION_NOT, "%s is no link to /dev/null", path);
}

static void look_at(struct qb_provision_item *item, const struct looking *at)
{
	const struct qb_provision_row *row = &qb_provisions[item->row];

	item->took = QB_PROVISION_TOOK;
	switch (row->kind) {
	case QB_PROVISION_KERNEL: look_at_argument(item, at); return;
	case QB_PROVISION_SYSCTL:
	case QB_PROVISION_TMPFILES: look_at_attribute(item); return;
	case QB_PROVISION_UNIT:
		if (strcmp(row->name, "irqbalance") == 0)
			look_at_irqbalance(item);
		else if (!qb_file_exists(SYSTEMD_DIR "/multi-user.target.wants/" LATE_UNIT))
			SET_WITH_REASON(item, took, QB_PROVISION_NOT, "it is not enabled");
		return;
	case QB_PROVISION_MASK: look_at_mask(item); return;
	case QB_PROVISION_KINDS: break;
	}
}

int qb_provision_verify(struct qb_provision *now, unsigned *ret_not, struct qb_error *err)
{
	_cleanup_free_ char *cmdline = NULL;
	char boot_id[40];
	struct looking at = {0};
	unsigned n = 0;
	int r = qb_provision_cmdline(&cmdline, err);

	if (r < 0)
		return r;
	at.cmdline = cmdline;
	now->booted = qb_journal_boot_id(boot_id, NULL) < 0 || strcmp(boot_id, now->boot_id) != 0;
	at.booted = now->booted;
	for (size_t i = 0; i < now->n_items; i++) {
		look_at(&now->items[i], &at);
		n += now->items[i].took == QB_PROVISION_NOT;
	}
	*ret_not = n;
	return 0;
}
