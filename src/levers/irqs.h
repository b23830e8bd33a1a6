/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupts' levers: what the table and the judge need of them. Planning is in irqs_plan.c.
 *
 * A write that the host does not offer for this unit gives -EOPNOTSUPP, the error its reason: that
 * step is `unsupported`, not `failed`. -ENOENT, of read or write: the unit is gone (the IRQ is
 * another device's now, irqbalance has ended), and nothing is left to restore.
 */
#ifndef QB_LEVERS_IRQS_H
#define QB_LEVERS_IRQS_H

#include <quietbench/lever.h>

/* A mask in hex, "00000000,000000ff"; masks compare as sets. */
extern const struct qb_lever_ops qb_irq_ops;

/*
 * CPUs irqbalance is to keep interrupts off: a list or "none" is exactly what is banned; "+LIST"
 * means these as well as what is banned already. A plan says "+LIST", since planning may not ask
 * irqbalance; what was before, read by the monitor, is exact, and so is what is put back.
 * "+LIST" is the same as any list that contains it.
 */
extern const struct qb_lever_ops qb_irqbalance_ban_ops;
/* The unit irqbalance.service: "active" or "inactive". */
extern const struct qb_lever_ops qb_irqbalance_stop_ops;

/* Why an IRQ stays where it is. */
#define QB_IRQ_MANAGED "kernel-managed (only isolcpus=managed_irq at boot moves it)"

#endif
