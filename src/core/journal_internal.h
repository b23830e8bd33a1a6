/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal's records on disk: shared by its writer (journal.c) and its reader (replay.c). */
#ifndef QB_CORE_JOURNAL_INTERNAL_H
#define QB_CORE_JOURNAL_INTERNAL_H

#include <quietbench/journal.h>

#define QB_JOURNAL_MAGIC   0x51426a72u
#define QB_JOURNAL_VERSION 6
/* A step with five texts of QB_TEXT_MAX is the largest record. */
#define QB_RECORD_MAX (5 * QB_TEXT_MAX + 512)

/* How much is gathered before it is written anyway. */
#define QB_JOURNAL_GATHER (256 * 1024)

enum qb_record_type {
	QB_RECORD_START = 1,
	QB_RECORD_STEP,
	QB_RECORD_MARK,
	QB_RECORD_PLACED,
	QB_RECORD_SETTLED,
};

struct qb_record_head {
	uint32_t length; /* with this head; a multiple of 8; 0: the end */
	uint16_t type;
	uint16_t pad; /* zero bytes at the end that belong to no field */
	uint32_t step;
	uint32_t checksum; /* CRC-32C of the body */
	uint32_t zero;
	uint32_t head_checksum; /* CRC-32C of all of the head before it */
};

struct qb_start {
	uint32_t magic, version;
	uint64_t
		reserved; /* the file's size, until SETTLED closes it: a shorter one has been cut */
	struct qb_journal_owner owner;
};

struct qb_mark_body {
	uint16_t mark;
	uint16_t zero;
	int32_t number;
	char text[QB_TEXT_MAX]; /* cut after its NUL on disk; nothing at all: NULL */
};

uint32_t qb_journal_checksum(const void *data, size_t size);
/*
 * The bytes of a journal, into a journal (owner, bench, n_steps, end, settled) and its steps. `path` is for errors:
 * -EBADMSG for what does not check. On an error both hold what came before it.
 */
int qb_journal_replay(struct qb_journal *journal, struct qb_steps *steps, const char *data,
	size_t size, const char *path, struct qb_error *err);

#endif
