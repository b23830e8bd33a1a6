/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irqs.h: reading and writing the affinity of interrupts. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/irqs.h>
#include <levers/irqs.h>
#include <sys/stat.h>
#include <time.h>

#define DEFAULT_PATH QB_IRQ_DIR "/default_smp_affinity"
#define BUSY_TRIES   5
#define BUSY_WAIT_NS 10000000

/* Its number has not passed to another device. One that has none at the moment (an interface that is
 * down) keeps its mask until the device takes it up again. */
static int exists_irq(
	const struct qb_lever *lever, const struct qb_unit *unit, struct qb_error *err)
{
	struct qb_irq irq;
	int r = qb_irq_identify(unit->number, &irq, err);

	if (r < 0)
		return r;
	if (irq.used && irq.key != unit->key)
		return qb_error_set(err, ENOENT, "IRQ %u is another device's now", unit->number);
	return 0;
}

/* EBUSY passes: an earlier move of the same interrupt is under way. */
static int write_patiently(const char *path, const char *text, struct qb_error *err)
{
	const struct timespec wait = {.tv_nsec = BUSY_WAIT_NS};
	int r = qb_file_write(path, text, err);

	for (int i = 1; r == -EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&wait, NULL);
		r = qb_file_write(path, text, err);
	}
	return r;
}

/*
 * The CPUs of `text` have no vector free: more CPUs to choose from may do. The kernel's default
 * mask is what housekeeping takes (its lever goes first), but only if it shares nothing with the
 * CPUs that this IRQ is leaving; a restore leaves none, and must not be widened.
 */
static bool widen(const char *path, const char *text, char *ret, size_t size)
{
	struct qb_cpus target, leaving, wide;
	char current[QB_TEXT_MAX], dflt[QB_TEXT_MAX];

	if (qb_file_read(path, current, sizeof(current), NULL) < 0 ||
		qb_file_read(DEFAULT_PATH, dflt, sizeof(dflt), NULL) < 0 ||
		qb_cpus_parse_hex(text, &target) < 0 || qb_cpus_parse_hex(current, &leaving) < 0 ||
		qb_cpus_parse_hex(dflt, &wide) < 0)
		return false;
	qb_cpus_andnot(&leaving, &target);
	if (qb_cpus_empty(&leaving) || qb_cpus_intersect(&leaving, &wide) ||
		qb_cpus_subset(&wide, &target))
		return false;
	qb_cpus_or(&wide, &target);
	return qb_cpus_format_hex(&wide, 0, ret, size) == 0;
}

static int write_irq(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[64], wide[QB_TEXT_MAX];
	mode_t mode;
	int r;

	qb_text_format(path, sizeof(path), QB_IRQ_DIR "/%u/smp_affinity", unit->number);
	r = qb_file_mode(path, &mode, err);
	if (r < 0)
		return r;
	if (!(mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return qb_error_set(err, EOPNOTSUPP, QB_IRQ_MANAGED);
	r = write_patiently(path, text, err);
	if (r == -ENOSPC && widen(path, text, wide, sizeof(wide)))
		r = write_patiently(path, wide, err);
	if (r == -ENOSPC)
		return qb_error_set(err, ENOSPC,
			"the CPUs of mask %s have no interrupt vector free: give the benchmark "
			"fewer CPUs, or the devices fewer queues",
			text);
	/* EIO up to 6.x, EPERM since: also for the timer and other interrupts that never move. */
	if (r == -EIO || r == -EPERM)
		return qb_error_set(err, EOPNOTSUPP, QB_IRQ_MANAGED);
	return r;
}

/*
 * While our ban stands, irqbalance spreads interrupts anew over the CPUs that are left: what keeps
 * off every CPU of that ban is its work on our behalf.
 */
static bool rebalanced(const struct qb_steps *steps, const char *current)
{
	const struct qb_step *ban = qb_steps_find(steps, QB_LEVER_IRQBALANCE_BAN, qb_unit_none());
	struct qb_cpus banned, now;

	if (!ban || !ban->intent || !ban->wanted || *ban->wanted != '+')
		return false;
	if (qb_cpus_parse_list(ban->wanted + 1, &banned) < 0 ||
		qb_cpus_parse_hex(current, &now) < 0)
		return false;
	return !qb_cpus_empty(&now) && !qb_cpus_intersect(&now, &banned);
}

/*
 * The kernel sends an interrupt whose CPU goes offline to all that are online; also one that has not
 * come since we moved it, and so is still on the CPU where it was.
 */
static bool scattered(const struct qb_step *step, const char *current)
{
	struct qb_cpus before, now, online;

	return step->before && qb_host_online(&online, NULL) == 0 &&
	       qb_cpus_parse_hex(step->before, &before) == 0 &&
	       qb_cpus_parse_hex(current, &now) == 0 && qb_cpus_equal(&now, &online) &&
	       !qb_cpus_subset(&before, &online);
}

static bool ours_irq(const struct qb_steps *steps, const struct qb_step *step, const char *current)
{
	return rebalanced(steps, current) || scattered(step, current);
}

const struct qb_lever_ops qb_irq_ops = {.exists = exists_irq, .write = write_irq, .ours = ours_irq};
