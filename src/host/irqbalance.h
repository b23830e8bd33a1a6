/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Talks to a running irqbalance: which CPUs must it keep interrupts off?
 *
 * irqbalance acts on a command only at its next look at the machine, up to SLEEP seconds (10 by
 * default) later, but then before it moves anything: once it has taken a ban, no interrupt goes to
 * a banned CPU. What it shows lags behind for that long. Two short sessions in a row would take the
 * first one's ban for the host's own, and leave it there for good. So what was last told is noted
 * in QB_IRQBALANCE_TOLD, and for as long as irqbalance may not have acted on it, the note is what
 * qb_irqbalance_banned answers.
 *
 * These need root; they may wait for qb_irqbalance_patience seconds, and a ban soon after another
 * command for twice SLEEP.
 */
#ifndef QB_HOST_IRQBALANCE_H
#define QB_HOST_IRQBALANCE_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <sys/types.h>

#define QB_IRQBALANCE_TOLD "/run/quietbench/irqbalance"

/* irqbalance's PID: anyone may ask. -ENOENT: it is not running. */
int qb_irqbalance_find(pid_t *ret, struct qb_error *err);

/* The CPUs it keeps off, or will from its next look on. -ENOENT: it is not running. */
int qb_irqbalance_banned(struct qb_cpus *ret, struct qb_error *err);

/*
 * Bans exactly these CPUs; none gives irqbalance back its own configuration. `wait` until it has
 * taken the command: before that it may yet place interrupts as it was told earlier. Without, the
 * command stands in line, and is taken unless irqbalance ends first. -ENOENT: it is not running;
 * -EOPNOTSUPP: this irqbalance cannot be told.
 */
int qb_irqbalance_ban(const struct qb_cpus *cpus, bool wait, struct qb_error *err);

/* How long irqbalance may take for one command, in seconds: it is deaf for 10 at a time. Tests
 * shorten it. */
extern unsigned qb_irqbalance_patience;

/* irqbalance's answer to `setup`: "SLEEP 10 IRQ 5 LOAD 0 DIFF 0 CLASS 0 BANNED 00000004". */
struct qb_irqbalance_setup {
	int64_t sleep; /* seconds between two looks */
	struct qb_cpus banned;
};
/* -EBADMSG for anything else; *ret is untouched then. */
int qb_irqbalance_parse_setup(const char *reply, struct qb_irqbalance_setup *ret);

#endif
