/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h: writing. Reading it back is replay.c. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/journal_internal.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/journal.h>
#include <sys/stat.h>

/* What a byte does to a CRC-32C (reflected) that has k more bytes to come. */
static uint32_t crc_table[8][256];

static void fill_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t entry = i;

		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (entry & 1 ? 0x82f63b78u : 0);
		crc_table[0][i] = entry;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t i = 0; i < 256; i++) {
			const uint32_t before = crc_table[k - 1][i];

			crc_table[k][i] = before >> 8 ^ crc_table[0][before & 0xff];
		}
}

/* Eight bytes at a time (each step of a journal is summed up several times), then the remaining ones. */
uint32_t qb_journal_checksum(const void *data, size_t size)
{
	const unsigned char *at = data;
	uint32_t crc = ~0u;

	if (!crc_table[0][1])
		fill_crc_table();
	for (; size >= 8; size -= 8, at += 8)
		crc = crc_table[7][at[0] ^ (crc & 0xff)] ^ crc_table[6][at[1] ^ (crc >> 8 & 0xff)] ^
		      crc_table[5][at[2] ^ (crc >> 16 & 0xff)] ^ crc_table[4][at[3] ^ (crc >> 24)] ^
		      crc_table[3][at[4]] ^ crc_table[2][at[5]] ^ crc_table[1][at[6]] ^
		      crc_table[0][at[7]];
	for (; size; size--, at++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *at) & 0xff];
	return ~crc;
}

int qb_journal_flush(struct qb_journal *journal, struct qb_error *err)
{
	ssize_t n;

	if (!journal->n_gathered)
		return 0;
	n = pwrite(journal->fd, journal->gathered, journal->n_gathered, journal->end);
	if (n != (ssize_t)journal->n_gathered)
		return qb_error_errno(err, n < 0 ? errno : EIO, "write the journal");
	journal->end += n;
	journal->n_gathered = 0;
	return 0;
}

/* Of a record: its head and body, and what fills it up to a multiple of 8. */
static size_t length_of(size_t size)
{
	return (sizeof(struct qb_record_head) + size + 7) / 8 * 8;
}

/* Gathers one record. It goes to the file with the next flush, whole or not at all. */
static int append(struct qb_journal *journal, enum qb_record_type type, size_t step,
	const void *body, size_t size, struct qb_error *err)
{
	struct qb_record_head head = {.type = (uint16_t)type, .step = (uint32_t)step};
	size_t length = length_of(size);
	unsigned char *record;
	int r;

	if (length > QB_RECORD_MAX)
		return qb_error_set(err, EMSGSIZE, "a journal record of %zu bytes", length);
	if (journal->end + (off_t)(journal->n_gathered + length) > journal->reserved)
		return qb_error_set(err, ENOSPC, "the journal's reserved %lld bytes are used up",
			(long long)journal->reserved);
	if (journal->n_gathered + length > QB_JOURNAL_GATHER) {
		r = qb_journal_flush(journal, err);
		if (r < 0)
			return r;
	}
	record = journal->gathered + journal->n_gathered;
	memset(record + length - 8, 0, 8);
	if (size)
		memcpy(record + sizeof(head), body, size);
	head.length = (uint32_t)length;
	head.pad = (uint16_t)(length - sizeof(head) - size);
	head.checksum = qb_journal_checksum(record + sizeof(head), length - sizeof(head));
	head.head_checksum =
		qb_journal_checksum(&head, offsetof(struct qb_record_head, head_checksum));
	memcpy(record, &head, sizeof(head));
	journal->n_gathered += length;
	return 0;
}

static int append_now(struct qb_journal *journal, enum qb_record_type type, size_t step,
	const void *body, size_t size, struct qb_error *err)
{
	int r = append(journal, type, step, body, size, err);

	return r < 0 ? r : qb_journal_flush(journal, err);
}

static int append_start(struct qb_journal *journal, struct qb_error *err)
{
	struct qb_start start = {.magic = QB_JOURNAL_MAGIC,
		.version = QB_JOURNAL_VERSION,
		.reserved = (uint64_t)journal->reserved,
		.owner = journal->owner};

	return append_now(journal, QB_RECORD_START, 0, &start, sizeof(start), err);
}

static void fresh_path(const char *path, char *buf, size_t size)
{
	qb_text_format(buf, size, "%s" QB_JOURNAL_FRESH, path);
}

/* A file that holds START, under its fresh name: it is not to be found before it means something. */
static int create_fresh(struct qb_journal *ret, const char *path,
	const struct qb_journal_owner *owner, size_t reserve, struct qb_error *err)
{
	struct qb_journal journal = {.owner = *owner, .reserved = (off_t)reserve};
	char fresh[256];
	int r;

	fresh_path(path, fresh, sizeof(fresh));
	unlink(fresh); /* left by a session that was killed here */
	journal.gathered = malloc(QB_JOURNAL_GATHER);
	if (!journal.gathered)
		return qb_error_errno(err, ENOMEM, "create the journal %s", path);
	journal.fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal.fd < 0) {
		r = qb_error_errno(err, errno, "create the journal %s", fresh);
		free(journal.gathered);
		return r;
	}
	r = -posix_fallocate(journal.fd, 0, (off_t)reserve);
	if (r < 0)
		qb_error_errno(err, -r,
			"reserve %zu KiB for the journal %s (free some space there)",
			reserve / 1024, path);
	else
		r = append_start(&journal, err);
	if (r < 0) {
		unlink(fresh);
		qb_journal_close(&journal);
		return r;
	}
	*ret = journal;
	return 0;
}

int qb_journal_create(struct qb_journal *ret, const char *path,
	const struct qb_journal_owner *owner, size_t reserve, struct qb_error *err)
{
	struct qb_journal journal;
	char fresh[256];
	int r = create_fresh(&journal, path, owner, reserve, err);

	if (r < 0)
		return r;
	fresh_path(path, fresh, sizeof(fresh));
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		r = qb_error_errno(err, errno, "create the journal %s", path);
		unlink(fresh);
		qb_journal_close(&journal);
		return r;
	}
	*ret = journal;
	return 0;
}

static size_t text_length(const char *text)
{
	return text ? strlen(text) : 0;
}

size_t qb_journal_room(const struct qb_steps *steps, size_t extra)
{
	/* Per step: STEP with its texts, INTENT, BECAME, LEFT, VERDICT, and UNDOING and UNDONE for
	 * three attempts, each with a head, a reason or a value. */
	const size_t heads = 16 * sizeof(struct qb_record_head) + 256 + QB_ERROR_MAX;
	size_t room = 64 * 1024, texts = 0;

	for (size_t i = 0; i < steps->n; i++)
		texts += 4 * (text_length(steps->v[i].before) + text_length(steps->v[i].wanted));
	room += steps->n * heads + texts;
	if (extra)
		room += extra * (heads + (steps->n ? texts / steps->n : 256));
	return room;
}

void qb_journal_extend(struct qb_journal *journal, const struct qb_steps *steps, size_t extra)
{
	size_t more = qb_journal_room(steps, extra) - qb_journal_room(steps, 0);

	if (posix_fallocate(journal->fd, journal->reserved, (off_t)more) == 0)
		journal->reserved += (off_t)more;
}

int qb_journal_step(struct qb_journal *journal, const struct qb_step *step, struct qb_error *err)
{
	_Alignas(8) unsigned char body[QB_RECORD_MAX];
	int n = qb_step_encode(step, body, sizeof(body) - sizeof(struct qb_record_head));
	int r;

	if (n < 0)
		return qb_error_errno(err, -n, "journal a step");
	r = append(journal, QB_RECORD_STEP, journal->n_steps, body, (size_t)n, err);
	if (r == 0)
		journal->n_steps++;
	return r;
}

int qb_journal_mark(struct qb_journal *journal, size_t step, enum qb_mark mark, int number,
	const char *text, struct qb_error *err)
{
	const bool now = mark == QB_MARK_INTENT || mark == QB_MARK_UNDOING;
	const size_t size = offsetof(struct qb_mark_body, text) + (text ? strlen(text) + 1 : 0);

	struct qb_mark_body body;

	body.mark = (uint16_t)mark;
	body.zero = 0;
	body.number = number;
	if (text && !qb_text_copy(body.text, sizeof(body.text), text))
		return qb_error_set(err, EMSGSIZE, "journal a text of %zu bytes", strlen(text));
	return (now ? append_now : append)(journal, QB_RECORD_MARK, step, &body, size, err);
}

int qb_journal_placed(
	struct qb_journal *journal, const struct qb_journal_bench *bench, struct qb_error *err)
{
	/* At the start room is reserved for one: each after it brings its own, and takes none from the
	 * steps. */
	const bool born =
		bench->pid != bench->placed; /* it comes from where the one before it does */
	const size_t size = born ? offsetof(struct qb_journal_bench, origin) : sizeof(*bench);
	const off_t more = journal->bench.pid ? (off_t)length_of(size) : 0;
	int r = more ? -posix_fallocate(journal->fd, journal->reserved, more) : 0;

	if (r < 0)
		return qb_error_errno(
			err, -r, "reserve room in the journal for process %d", bench->pid);
	journal->reserved += more;
	r = append_now(journal, QB_RECORD_PLACED, 0, bench, size, err);
	if (r == 0)
		journal->bench = *bench;
	return r;
}

int qb_journal_settle(struct qb_journal *journal, struct qb_error *err)
{
	int r = append_now(journal, QB_RECORD_SETTLED, 0, NULL, 0, err);

	if (r == 0)
		journal->settled = true;
	return r;
}

void qb_journal_close(struct qb_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	free(journal->gathered);
	journal->gathered = NULL;
}

int qb_journal_boot_id(char buf[40], struct qb_error *err)
{
	ssize_t n = qb_file_read("/proc/sys/kernel/random/boot_id", buf, 40, err);

	return n < 0 ? (int)n : 0;
}

static int copy(int from, int to, off_t size)
{
	char buf[16384];

	for (off_t at = 0; at < size;) {
		const size_t most =
			size - at < (off_t)sizeof(buf) ? (size_t)(size - at) : sizeof(buf);
		const ssize_t n = pread(from, buf, most, at);

		if (n <= 0 || pwrite(to, buf, (size_t)n, at) != n)
			return n == 0 || errno == 0 ? -EIO : -errno;
		at += n;
	}
	return 0;
}

int qb_journal_save(struct qb_journal *journal, const char *path, struct qb_error *err)
{
	_cleanup_close_ int fd = -1;
	char fresh[256];
	int r = qb_journal_flush(journal, err);

	if (r < 0)
		return r;
	fresh_path(path, fresh, sizeof(fresh));
	unlink(fresh);
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return qb_error_errno(err, errno, "create the journal %s", fresh);
	r = -posix_fallocate(fd, 0, journal->reserved);
	if (r == 0)
		r = copy(journal->fd, fd, journal->end);
	if (r == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return qb_error_errno(err, -r, "write the journal %s anew", path);
	}
	close(journal->fd);
	journal->fd = fd;
	fd = -1;
	return 0;
}

/* START, the steps once with all of their texts, no marks, and SETTLED: /run may be nearly full. */
static size_t summary_room(const struct qb_steps *steps)
{
	size_t room = 2 * sizeof(struct qb_record_head) + sizeof(struct qb_start) + 16;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		room += sizeof(struct qb_record_head) + 256 + text_length(step->before) +
			text_length(step->wanted) + text_length(step->became) +
			text_length(step->left) + text_length(step->reason);
	}
	return room;
}

int qb_journal_summarize(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err)
{
	struct qb_journal_owner shown = *owner;
	struct qb_journal journal;
	char fresh[256];
	int r;

	memset(shown.command, 0, sizeof(shown.command));
	r = create_fresh(&journal, path, &shown, summary_room(steps), err);
	if (r < 0)
		return r;
	fresh_path(path, fresh, sizeof(fresh));
	for (size_t i = 0; i < steps->n && r == 0; i++)
		r = qb_journal_step(&journal, &steps->v[i], err);
	if (r == 0)
		r = qb_journal_settle(&journal, err);
	if (r == 0 && (ftruncate(journal.fd, journal.end) < 0 || fchmod(journal.fd, 0644) < 0 ||
			      rename(fresh, path) < 0))
		r = qb_error_errno(err, errno, "write the summary %s", path);
	if (r < 0)
		unlink(fresh);
	qb_journal_close(&journal);
	return r;
}
