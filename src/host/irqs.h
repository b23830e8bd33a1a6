/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which device is IRQ n? Linux recycles interrupt numbers: a mask saved for a network card must never be
 * put back onto the disk that got its number since. `key` tells them apart.
 */
#ifndef QB_HOST_IRQS_H
#define QB_HOST_IRQS_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>

#define QB_IRQ_DIR "/proc/irq"

/*
 * Which CPUs IRQ n may go to, and where it goes now. The kernel shows each in two files, as a mask in
 * hex and as a list; of a captured host one of them is enough. -ENOENT: neither is there.
 */
enum qb_irq_mask { QB_IRQ_ALLOWED, QB_IRQ_EFFECTIVE };
int qb_irq_read(unsigned number, enum qb_irq_mask which, struct qb_cpus *ret, struct qb_error *err);

struct qb_irq {
	uint64_t key; /* of its handlers' names and its number at its chip; never 0 */
	bool used;    /* has a handler: without one it cannot interrupt anybody */
	/*
	 * The kernel shows that this one cannot be moved (Linux 6.12: a mask without write
	 * permission). Older kernels do not show it, they refuse the write (EIO on 6.1).
	 */
	bool fixed;
};

/*
 * Is this one, which is in use, each CPU's own: timer, performance counters, what CPUs tell one
 * another (on arm64 they have numbers)? No mask holds for these. The kernel shows it by an effective
 * mask without CPUs; one that does not show effective masks does not tell.
 */
bool qb_irq_per_cpu(unsigned number);
/* The key and `used` alone. Where the kernel shows neither handlers nor chips all have one key. */
int qb_irq_identify(unsigned number, struct qb_irq *ret, struct qb_error *err);
/* -ENOENT when there is no such IRQ (any more). */
int qb_irq_look(unsigned number, struct qb_irq *ret, struct qb_error *err);

#endif
