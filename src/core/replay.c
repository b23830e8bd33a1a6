/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h: reading a journal back. Trusts nothing but its checksums, and those little. */
#include <base/macros.h>
#include <base/text.h>
#include <core/journal_internal.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/journal.h>
#include <sys/stat.h>

#define JOURNAL_MAX (64 << 20)
#define PAGE	    4096 /* the smallest there is: larger ones end where one of these does */

static int foreign(struct qb_error *err, const char *path, const char *why)
{
	return qb_error_set(err, EBADMSG,
		"the journal %s %s: nothing was written from it; look at it, then remove it", path,
		why);
}

/* Root's own regular file that only root may write, judged on the open file. */
static int check_owner(int fd, const char *path, off_t *ret_size, struct qb_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return qb_error_errno(err, errno, "look at the journal %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return foreign(err, path, "is not a file that only root can write");
	if (st.st_size > JOURNAL_MAX)
		return foreign(err, path, "is too long");
	*ret_size = st.st_size;
	return 0;
}

static int take_start(struct qb_journal *journal, const void *body, size_t size)
{
	struct qb_start start;

	if (size < sizeof(start))
		return -EBADMSG;
	memcpy(&start, body, sizeof(start));
	if (start.magic != QB_JOURNAL_MAGIC || start.version != QB_JOURNAL_VERSION)
		return -EBADMSG;
	journal->reserved = (off_t)start.reserved;
	journal->owner = start.owner;
	journal->owner.boot_id[sizeof(start.owner.boot_id) - 1] = '\0';
	journal->owner.profile[sizeof(start.owner.profile) - 1] = '\0';
	journal->owner.command[sizeof(start.owner.command) - 1] = '\0';
	journal->owner.cpus[sizeof(start.owner.cpus) - 1] = '\0';
	return 0;
}

static int take_mark(
	struct qb_steps *steps, const struct qb_record_head *head, const void *body, size_t size)
{
	struct qb_mark_body mark = {0};
	const size_t fixed = offsetof(struct qb_mark_body, text);
	const char *text = NULL;
	struct qb_step *step;

	if (size < fixed || size > sizeof(mark) || head->step >= steps->n)
		return -EBADMSG;
	memcpy(&mark, body, size);
	if (mark.text[sizeof(mark.text) - 1])
		return -EBADMSG;
	step = &steps->v[head->step];
	if (size > fixed) {
		text = qb_steps_text(steps, mark.text);
		if (!text)
			return -ENOMEM;
	}
	switch ((enum qb_mark)mark.mark) {
	case QB_MARK_INTENT: step->intent = true; return 0;
	case QB_MARK_BECAME: step->became = text; return 0;
	case QB_MARK_LEFT: step->left = text; return 0;
	case QB_MARK_VERDICT:
		if (mark.number < 0 || mark.number > QB_VERDICT_CONFLICT)
			return -EBADMSG;
		step->verdict = (uint8_t)mark.number;
		return 0;
	case QB_MARK_UNDOING:
		if (step->undoing < UINT8_MAX)
			step->undoing++;
		return 0;
	case QB_MARK_UNDONE:
		if (mark.number < 0 || mark.number > QB_RESTORED_OWED)
			return -EBADMSG;
		step->undoing = 0;
		step->restored = (uint8_t)mark.number;
		step->reason = text;
		return 0;
	}
	return -EBADMSG;
}

static int take(struct qb_journal *journal, struct qb_steps *steps,
	const struct qb_record_head *head, const char *body, size_t size)
{
	int r;

	switch ((enum qb_record_type)head->type) {
	case QB_RECORD_START: return -EBADMSG; /* only the first may be one */
	case QB_RECORD_STEP:
		r = qb_step_decode(steps, body, size);
		if (r == 0)
			journal->n_steps++;
		return r;
	case QB_RECORD_MARK: return take_mark(steps, head, body, size);
	case QB_RECORD_PLACED: /* of who was born beside it, without where that one came from */
		if (size != sizeof(journal->bench) &&
			(size != offsetof(struct qb_journal_bench, origin) || !journal->bench.pid))
			return -EBADMSG;
		memcpy(&journal->bench, body, size);
		for (size_t i = 0; i < QB_ARRAY_SIZE(journal->bench.origin); i++)
			journal->bench.origin[i][sizeof(journal->bench.origin[i]) - 1] = '\0';
		return 0;
	case QB_RECORD_SETTLED: journal->settled = true; return 0;
	}
	return -EBADMSG;
}

static bool all_zero(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

/*
 * A killed writer's last write can end at a page boundary (the kernel looks for a fatal signal
 * between pages): the record there is cut, and behind the boundary nothing was ever written.
 */
static bool torn(const char *data, size_t size, size_t at, size_t length)
{
	for (size_t page = at / PAGE * PAGE + PAGE; page < at + length && page <= size;
		page += PAGE)
		if (all_zero(data + page, size - page))
			return true;
	return false;
}

enum record { RECORD_WHOLE, RECORD_TORN, RECORD_BAD };

/* Judges the record at `at`, which has room for a head. */
static enum record look(const char *data, size_t size, size_t at, struct qb_record_head *ret)
{
	struct qb_record_head head;

	memcpy(&head, data + at, sizeof(head));
	if (head.head_checksum !=
		qb_journal_checksum(&head, offsetof(struct qb_record_head, head_checksum)))
		return torn(data, size, at, sizeof(head)) ? RECORD_TORN : RECORD_BAD;
	if (head.length < sizeof(head) + head.pad || head.length % 8 || head.length > size - at)
		return RECORD_BAD;
	*ret = head;
	if (head.checksum ==
		qb_journal_checksum(data + at + sizeof(head), head.length - sizeof(head)))
		return RECORD_WHOLE;
	return torn(data, size, at, head.length) ? RECORD_TORN : RECORD_BAD;
}

int qb_journal_replay(struct qb_journal *journal, struct qb_steps *steps, const char *data,
	size_t size, const char *path, struct qb_error *err)
{
	size_t at = 0;

	while (at + sizeof(struct qb_record_head) <= size) {
		struct qb_record_head head;
		const char *body = data + at + sizeof(head);
		enum record record;
		size_t body_size;
		int r;

		if (all_zero(data + at, sizeof(head)) && all_zero(data + at, size - at))
			break;
		record = look(data, size, at, &head);
		if (record == RECORD_TORN && at)
			break; /* its writer died before it meant anything */
		if (record != RECORD_WHOLE)
			return foreign(err, path, "is damaged");
		body_size = head.length - sizeof(head) - head.pad;
		if (at == 0)
			r = head.type == QB_RECORD_START ? take_start(journal, body, body_size)
							 : -EBADMSG;
		else
			r = take(journal, steps, &head, body, body_size);
		if (r == -ENOMEM)
			return qb_error_errno(err, ENOMEM, "read the journal %s", path);
		if (r < 0)
			return foreign(err, path, "holds a record that this version does not know");
		at += head.length;
	}
	if (at == 0)
		return foreign(err, path, "is empty");
	if ((off_t)size < journal->reserved && !journal->settled)
		return foreign(err, path, "has been cut short");
	journal->end = (off_t)at;
	return 0;
}

/* What is left of a torn record must not stand behind the next one that is written. */
static int wipe_tail(
	int fd, const struct qb_journal *journal, const char *path, struct qb_error *err)
{
	static const char zeros[QB_RECORD_MAX];
	size_t size = (size_t)(journal->reserved - journal->end);

	if (size > sizeof(zeros))
		size = sizeof(zeros);
	if (pwrite(fd, zeros, size, journal->end) != (ssize_t)size)
		return qb_error_errno(err, errno ? errno : EIO, "go on with the journal %s", path);
	return 0;
}

static int load(struct qb_journal *ret, const char *path, int flags, struct qb_steps *ret_steps,
	struct qb_error *err)
{
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *data = NULL;
	struct qb_journal journal = {.fd = -1};
	char boot_id[40];
	off_t size = 0;
	ssize_t n;
	int r;

	if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return foreign(err, path, "is a link, a folder or a socket");
	if (fd < 0)
		return qb_error_errno(err, errno, "open the journal %s", path);
	r = check_owner(fd, path, &size, err);
	if (r < 0)
		return r;
	data = malloc((size_t)size + 1);
	if (!data)
		return qb_error_errno(err, ENOMEM, "read the journal %s", path);
	n = pread(fd, data, (size_t)size, 0);
	if (n != size)
		return qb_error_errno(err, n < 0 ? errno : EIO, "read the journal %s", path);
	r = qb_journal_replay(&journal, ret_steps, data, (size_t)size, path, err);
	if (r < 0)
		return r;
	journal.reserved = size;
	r = qb_journal_boot_id(boot_id, err);
	if (r < 0)
		return qb_error_wrap(err, "trust the journal %s", path);
	if (strcmp(boot_id, journal.owner.boot_id) != 0)
		return qb_error_set(err, ESTALE, "the journal %s is of another boot", path);
	if (flags != O_RDONLY) {
		r = wipe_tail(fd, &journal, path, err);
		if (r < 0)
			return r;
		journal.gathered = malloc(QB_JOURNAL_GATHER);
		if (!journal.gathered)
			return qb_error_errno(err, ENOMEM, "go on with the journal %s", path);
		journal.fd = fd;
		fd = -1;
	}
	*ret = journal;
	return 0;
}

int qb_journal_open(
	struct qb_journal *ret, const char *path, struct qb_steps *ret_steps, struct qb_error *err)
{
	return load(ret, path, O_RDWR, ret_steps, err);
}

int qb_journal_read(
	struct qb_journal *ret, const char *path, struct qb_steps *ret_steps, struct qb_error *err)
{
	return load(ret, path, O_RDONLY, ret_steps, err);
}
