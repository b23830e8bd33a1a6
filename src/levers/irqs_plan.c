/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lever.h: which interrupts must leave the benchmark's CPUs, and what irqbalance is told. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/irqbalance.h>
#include <host/irqs.h>
#include <levers/irqs.h>
#include <levers/planning.h>

#define NO_HOUSE "the benchmark has every CPU: none is left to take interrupts"

struct irqs {
	struct qb_housekeeping housekeeping;
	bool move;
	bool hotplug; /* siblings go offline: drivers and the kernel change masks then */
	unsigned unreadable;
	int why; /* of the first of them */
	struct qb_steps *steps;
};

static int plan_irqbalance(const struct qb_profile *profile, const struct irqs *irqs)
{
	const struct qb_setting *setting = &profile->set[QB_KEY_IRQS_IRQBALANCE];
	const bool stop = qb_setting_is(setting, "stop");
	const unsigned lever = stop ? QB_LEVER_IRQBALANCE_STOP : QB_LEVER_IRQBALANCE_BAN;
	char wanted[QB_TEXT_MAX] = "+";
	pid_t pid;

	if (qb_setting_is(setting, "keep"))
		return 0;
	if (qb_irqbalance_find(&pid, NULL) < 0)
		return qb_steps_refuse(
			irqs->steps, lever, QB_STATUS_UNCHANGED, "irqbalance is not running");
	if (!stop && qb_cpus_empty(&irqs->housekeeping.cpus))
		return qb_steps_refuse(irqs->steps, lever, QB_STATUS_UNSUPPORTED, NO_HOUSE);
	if (!stop &&
		qb_cpus_format_list(&irqs->housekeeping.away, wanted + 1, sizeof(wanted) - 1) < 0)
		return qb_steps_refuse(irqs->steps, lever, QB_STATUS_UNSUPPORTED,
			"the list of the benchmark's CPUs is too long for irqbalance");
	/* What was before only root may ask: the monitor does. */
	return qb_steps_add(irqs->steps, lever, qb_unit_none(), NULL, stop ? "inactive" : wanted)
		       ? 0
		       : -ENOMEM;
}

static int plan_default(const struct irqs *irqs)
{
	char before[QB_TEXT_MAX], wanted[QB_TEXT_MAX];

	/* Without the file there is no default to change. */
	if (qb_file_read(QB_IRQ_DIR "/default_smp_affinity", before, sizeof(before), NULL) < 0 ||
		!qb_housekeeping_clear_mask(&irqs->housekeeping, before, wanted, sizeof(wanted)))
		return 0;
	return qb_steps_add(irqs->steps, QB_LEVER_IRQ_DEFAULT, qb_unit_none(), before, wanted)
		       ? 0
		       : -ENOMEM;
}

/* As hex, whichever file is there: where only a list is, as wide as the default mask. */
static int read_mask(const struct qb_unit *unit, char *buf, size_t size)
{
	const struct qb_unit none = qb_unit_none();
	char dflt[QB_TEXT_MAX];
	struct qb_cpus mask;
	unsigned width = 0;
	int r = qb_lever_read(QB_LEVER_IRQ, unit, buf, size, NULL);

	if (r != -ENOENT)
		return r;
	r = qb_irq_read(unit->number, QB_IRQ_ALLOWED, &mask, NULL);
	if (r == 0 && qb_lever_read(QB_LEVER_IRQ_DEFAULT, &none, dflt, sizeof(dflt), NULL) == 0)
		width = qb_plan_mask_width(dflt);
	return r < 0 ? r : qb_cpus_format_hex(&mask, width, buf, size);
}

/* It may vanish at any moment: a device went. Then there is nothing to move. */
static int skip(struct irqs *irqs, int r)
{
	if (r != -ENOENT && r != -ESRCH && irqs->unreadable++ == 0)
		irqs->why = -r;
	return 0;
}

static int plan_irq(struct irqs *irqs, unsigned number)
{
	char before[QB_TEXT_MAX], wanted[QB_TEXT_MAX];
	struct qb_unit unit = qb_unit_number(number);
	struct qb_step *step;
	struct qb_irq irq;
	bool moves;
	int r = read_mask(&unit, before, sizeof(before));

	if (r < 0)
		return skip(irqs, r);
	moves = irqs->move &&
		qb_housekeeping_clear_mask(&irqs->housekeeping, before, wanted, sizeof(wanted));
	if (!moves && !irqs->hotplug)
		return 0;
	r = qb_irq_look(number, &irq, NULL);
	if (r < 0)
		return skip(irqs, r);
	/* Unused ones follow the default mask once they get a handler. */
	if (!irq.used || qb_irq_per_cpu(number))
		return 0;
	unit.key = irq.key;
	if (irq.fixed && !moves)
		return 0;
	step = qb_steps_add(irqs->steps, QB_LEVER_IRQ, unit, before, moves ? wanted : NULL);
	if (!step)
		return -ENOMEM;
	if (irq.fixed) {
		step->status = QB_STATUS_UNSUPPORTED;
		step->reason = qb_steps_text(irqs->steps, QB_IRQ_MANAGED);
		return step->reason ? 0 : -ENOMEM;
	}
	return 0;
}

static int plan_masks(struct irqs *irqs, struct qb_error *err)
{
	_cleanup_free_ unsigned *numbers = NULL;
	const size_t n_before = irqs->steps->n;
	size_t n;
	int r;

	if (irqs->move && qb_cpus_empty(&irqs->housekeeping.cpus))
		return qb_steps_refuse(irqs->steps, QB_LEVER_IRQ, QB_STATUS_UNSUPPORTED, NO_HOUSE);
	r = qb_dir_numbers(QB_IRQ_DIR, "", &numbers, &n, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return qb_steps_refuse(irqs->steps, QB_LEVER_IRQ, QB_STATUS_UNSUPPORTED,
			"%s cannot be read: %s", QB_IRQ_DIR, strerror(-r));
	r = irqs->move ? plan_default(irqs) : 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = plan_irq(irqs, numbers[i]);
	if (r == 0 && irqs->unreadable)
		r = qb_steps_refuse(irqs->steps, QB_LEVER_IRQ, QB_STATUS_UNSUPPORTED,
			"%u interrupts cannot be read and stay where they are (%s)",
			irqs->unreadable, strerror(irqs->why));
	if (r == 0 && irqs->move && irqs->steps->n == n_before)
		r = qb_steps_refuse(irqs->steps, QB_LEVER_IRQ, QB_STATUS_UNCHANGED,
			"no interrupt may go to the benchmark's CPUs");
	return r;
}

int qb_irqs_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct irqs irqs = {.move = wish->profile->set[QB_KEY_IRQS_MOVE].number,
		.hotplug = !qb_cpus_empty(&wish->selection->offline),
		.steps = steps};
	int r;

	qb_housekeeping_find(wish, &irqs.housekeeping);
	r = plan_irqbalance(wish->profile, &irqs);
	if (r == 0 && (irqs.move || irqs.hotplug))
		r = plan_masks(&irqs, err);
	if (r == -ENOMEM)
		return qb_error_errno(err, ENOMEM, "plan interrupts");
	return r;
}
