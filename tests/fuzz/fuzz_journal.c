/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a journal: refused with an error, or steps that are encoded to the same again. The
 * first byte says whether the rest is the file itself, or records {type, step, length, body} that
 * get the heads and checksums they need: those do not come by chance.
 */
#include "steps.h"
#include <core/journal_internal.h>
#include <errno.h>

#define ROOM (1 << 20)

static unsigned char file[ROOM];

static size_t put_record(size_t at, unsigned type, unsigned step, const void *body, size_t size)
{
	struct qb_record_head head = {.type = (uint16_t)type, .step = step};
	size_t length = (sizeof(head) + size + 7) / 8 * 8;

	if (at + length > sizeof(file))
		return at;
	memset(file + at, 0, length);
	if (size)
		memcpy(file + at + sizeof(head), body, size);
	head.length = (uint32_t)length;
	head.pad = (uint16_t)(length - sizeof(head) - size);
	head.checksum = qb_journal_checksum(file + at + sizeof(head), length - sizeof(head));
	head.head_checksum =
		qb_journal_checksum(&head, offsetof(struct qb_record_head, head_checksum));
	memcpy(file + at, &head, sizeof(head));
	return at + length;
}

static size_t put_start(const uint8_t *data, size_t size)
{
	struct qb_start start = {.magic = QB_JOURNAL_MAGIC, .version = QB_JOURNAL_VERSION};

	memcpy(&start.owner, data, size < sizeof(start.owner) ? size : sizeof(start.owner));
	return put_record(0, QB_RECORD_START, 0, &start, sizeof(start));
}

/* START, then a record for each {type, step, length, body}; a cut last one takes what is left. */
static size_t put_records(const uint8_t *data, size_t size)
{
	size_t used = put_start(data, size);

	while (size > 3) {
		size_t length = data[2];
		unsigned type = data[0] % (QB_RECORD_SETTLED + 2u);
		struct qb_journal_bench bench = {0};

		if (length > size - 3)
			length = size - 3;
		if (type == QB_RECORD_PLACED) {
			memcpy(&bench, data + 3, length);
			/* one that was placed, or one that was born beside it */
			used = put_record(used, type, data[1], &bench,
				data[1] % 2 ? offsetof(struct qb_journal_bench, origin)
					    : sizeof(bench));
		} else {
			used = put_record(used, type, data[1], data + 3, length);
		}
		data += 3 + length;
		size -= 3 + length;
	}
	return used;
}

#define ends(array) (memchr((array), '\0', sizeof(array)) != NULL)

static void check_journal(const struct qb_journal *journal, size_t size)
{
	const struct qb_journal_owner *owner = &journal->owner;

	must(journal->end > 0 && (size_t)journal->end <= size);
	must(ends(owner->boot_id) && ends(owner->profile) && ends(owner->command) &&
		ends(owner->cpus));
	for (size_t i = 0; i < QB_ARRAY_SIZE(journal->bench.origin); i++)
		must(ends(journal->bench.origin[i]));
}

/* The steps, written into a journal of their own, are read back as the same. */
static void write_anew(const struct qb_journal *journal, const struct qb_steps *steps)
{
	static unsigned char body[QB_RECORD_MAX];
	struct qb_steps again = {0};
	struct qb_journal copy = {.fd = -1};
	size_t used = put_start((const uint8_t *)&journal->owner, sizeof(journal->owner));

	for (size_t i = 0; i < steps->n; i++)
		used = put_record(used, QB_RECORD_STEP, (unsigned)i, body,
			check_step(&steps->v[i], body, sizeof(body)));
	must(qb_journal_replay(&copy, &again, (const char *)file, used, "again", NULL) == 0);
	must(again.n == steps->n && copy.n_steps == steps->n);
	must(memcmp(&copy.owner, &journal->owner, sizeof(copy.owner)) == 0);
	for (size_t i = 0; i < steps->n; i++)
		must(same_step(&steps->v[i], &again.v[i]));
	qb_steps_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qb_journal journal = {.fd = -1};
	struct qb_steps steps = {0};
	struct qb_error err = {0};
	_cleanup_free_ char *bytes = NULL;
	int r;

	if (size == 0 || size > ROOM / 8)
		return 0;
	if (data[0] & 1) {
		size = put_records(data + 1, size - 1);
		bytes = text_of(file, size);
	} else {
		bytes = text_of(data + 1, --size);
	}
	r = qb_journal_replay(&journal, &steps, bytes, size, "p", &err);
	must(r == 0 || (r == -EBADMSG && err.code == EBADMSG));
	must(steps.n == journal.n_steps);
	if (r == 0) {
		check_journal(&journal, size);
		write_anew(&journal, &steps);
	}
	qb_steps_free(&steps);
	return 0;
}
