/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A step is one reversible change of the host: {lever, unit, before, wanted}. It is the unit of
 * plan, wire, journal and record.
 *
 * Values are texts exactly as the kernel's file holds them, without the final newline, so that
 * what is put back is what was there. They live in the list's own string store: a pointer in a
 * step is valid as long as its list, equal texts share one pointer, and nothing is freed alone.
 *
 *	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
 *	qb_steps_add(&steps, QB_LEVER_GOVERNOR, qb_unit_number(3), "powersave", "performance");
 *
 * Life of a step: planned → (before read and journaled) → intent → written → became → left →
 * verdict → undone. A step with `wanted` NULL is coupled: never written by us, but remembered
 * and put back if one of our writes changed it.
 */
#ifndef QUIETBENCH_STEP_H
#define QUIETBENCH_STEP_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest value, with its NUL: a full cpulist of QB_CPUS_MAX CPUs does not fit, a mask does. */
#define QB_TEXT_MAX 4096
#define QB_NAME_MAX 48

/* What of its lever a step changes. The lever says which members mean something. */
struct qb_unit {
	uint32_t number;	/* CPU, policy, IRQ, node, thread id */
	uint64_t key;		/* tells a recycled number apart: start time of a thread, hash of an
				   IRQ's identity; 0 where numbers are not recycled */
	char name[QB_NAME_MAX]; /* units that have names; "" otherwise */
};

struct qb_unit qb_unit_none(void);
struct qb_unit qb_unit_number(uint32_t number);
bool qb_unit_equal(const struct qb_unit *a, const struct qb_unit *b);

enum qb_status {
	QB_STATUS_PLANNED,
	QB_STATUS_APPLIED,
	QB_STATUS_UNCHANGED,   /* it was already set */
	QB_STATUS_UNSUPPORTED, /* this host does not offer it: reason */
	QB_STATUS_REFUSED,     /* the policy does not allow it: reason */
	QB_STATUS_FAILED,      /* the kernel said no: reason */
};
const char *qb_status_name(enum qb_status status);

enum qb_verdict {
	QB_VERDICT_NONE,     /* not judged (yet) */
	QB_VERDICT_OURS,     /* current == left: we put it back */
	QB_VERDICT_ALREADY,  /* current == before: nothing to do */
	QB_VERDICT_CONFLICT, /* another program's value: left alone */
};

enum qb_restored {
	QB_RESTORED_NONE, /* nothing to restore */
	QB_RESTORED_YES,
	QB_RESTORED_NO, /* reason says why */
	QB_RESTORED_CONFLICT,
	QB_RESTORED_OWED, /* the host lacks what it takes to give it back now: reason */
};

struct qb_step {
	uint16_t lever; /* enum qb_lever_id */
	uint8_t status; /* enum qb_status */
	uint8_t verdict;
	uint8_t restored;
	uint8_t undoing; /* how often an undo was begun and not finished: crashes on this step */
	bool intent;	 /* the write was about to be made: from here on it is ours to undo */
	struct qb_unit unit;
	const char *before; /* NULL: not read */
	const char *wanted; /* NULL: coupled */
	const char *became; /* read back right after the write; NULL: no write was confirmed */
	const char *left;   /* read again after the last write of the session */
	const char *reason; /* of the status, or why it is not back; NULL: none */
};

struct qb_steps {
	struct qb_step *v;
	size_t n, cap;
	struct qb_text *texts; /* every distinct text, for sharing and freeing */
	size_t n_texts, cap_texts;
};

void qb_steps_free(struct qb_steps *steps);
/* Appends; NULL texts allowed. Returns the step (valid until the next add) or NULL: no memory. */
struct qb_step *qb_steps_add(struct qb_steps *steps, unsigned lever, struct qb_unit unit,
	const char *before, const char *wanted);
/* A lever that is not available here, and why in words a person can act on; the same reason for
 * another unit is not said again. 0 or -ENOMEM. */
int qb_steps_refuse(struct qb_steps *steps, unsigned lever, enum qb_status status, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));
/* The shared copy of a text (NULL for NULL, or when there is no memory). */
const char *qb_steps_text(struct qb_steps *steps, const char *text);
/* The step of this lever and unit, or NULL. */
struct qb_step *qb_steps_find(const struct qb_steps *steps, unsigned lever, struct qb_unit unit);

/*
 * Encoding, the same in journal and messages: fixed head, then the texts with their lengths.
 * Native byte order: neither leaves the machine. Encode returns the size or -EMSGSIZE; decode
 * appends to `steps` and returns 0, or -EBADMSG for anything not exactly well-formed.
 */
int qb_step_encode(const struct qb_step *step, void *buf, size_t size);
int qb_step_decode(struct qb_steps *steps, const void *buf, size_t size);

#endif
