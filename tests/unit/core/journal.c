/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal: what is written comes back, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <core/apply.h>
#include <core/journal_internal.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>
#include <sys/stat.h>

static char folder[] = "/tmp/qb-journal-XXXXXX";
static char path[64];
static struct qb_journal_owner owner = {
	.client = 1, .uid = 0, .profile = "default", .command = "./bench", .cpus = "2"};

static int make_folder(void **state)
{
	if (!mkdtemp(folder) || qb_journal_boot_id(owner.boot_id, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/journal", folder);
	return 0;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static int remove_journal(void **state)
{
	unlink(path);
	return 0;
}

/* A session that came as far as its first undo: what a recovery would find. */
static void write_session(struct qb_journal *journal)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal_bench bench = {
		.pid = 77, .placed = 77, .start = 99, .origin = {"/a", "/b", ""}};
	struct qb_error err = {0};

	qb_steps_add(&steps, QB_LEVER_GOVERNOR, qb_unit_number(0), "powersave", "performance");
	qb_steps_add(&steps, QB_LEVER_EPP, qb_unit_number(0), "balance_power", NULL);
	qb_steps_add(&steps, QB_LEVER_IRQ, (struct qb_unit){.number = 33, .key = 5}, "ff", "0f");
	assert_int_equal(
		qb_journal_create(journal, path, &owner, qb_journal_room(&steps, 100), &err), 0);
	for (size_t i = 0; i < steps.n; i++)
		assert_int_equal(qb_journal_step(journal, &steps.v[i], &err), 0);
	assert_int_equal(qb_journal_mark(journal, 0, QB_MARK_INTENT, 0, NULL, &err), 0);
	assert_int_equal(qb_journal_mark(journal, 0, QB_MARK_BECAME, 0, "performance", &err), 0);
	assert_int_equal(qb_journal_mark(journal, 1, QB_MARK_LEFT, 0, "performance", &err), 0);
	assert_int_equal(qb_journal_placed(journal, &bench, &err), 0);
	assert_int_equal(
		qb_journal_mark(journal, 0, QB_MARK_VERDICT, QB_VERDICT_OURS, NULL, &err), 0);
	assert_int_equal(qb_journal_mark(journal, 0, QB_MARK_UNDOING, 0, NULL, &err), 0);
}

/* The check values of CRC-32C: of one byte and of more. */
static void the_checksum_is_crc32c(void **state)
{
	unsigned char ascending[32];

	for (size_t i = 0; i < sizeof(ascending); i++)
		ascending[i] = (unsigned char)i;
	assert_int_equal(qb_journal_checksum("123456789", 9), 0xe3069283u);
	assert_int_equal(qb_journal_checksum(ascending, sizeof(ascending)), 0x46dd794eu);
	assert_int_equal(qb_journal_checksum("a", 1), 0xc1d04330u);
}

static void a_session_comes_back(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal, read;
	struct qb_error err = {0};

	write_session(&journal);
	qb_journal_close(&journal);
	assert_int_equal(qb_journal_open(&read, path, &steps, &err), 0);
	assert_int_equal(steps.n, 3);
	assert_string_equal(read.owner.command, "./bench");
	assert_int_equal(read.bench.pid, 77);
	assert_string_equal(read.bench.origin[1], "/b");
	assert_true(steps.v[0].intent);
	assert_string_equal(steps.v[0].became, "performance");
	assert_int_equal(steps.v[0].verdict, QB_VERDICT_OURS);
	assert_int_equal(steps.v[0].undoing, 1);
	assert_null(steps.v[1].wanted);
	assert_string_equal(steps.v[1].left, "performance");
	assert_int_equal(steps.v[2].unit.key, 5);
	assert_false(steps.v[2].intent);
	assert_false(read.settled);

	/* and it can be gone on with */
	assert_int_equal(qb_journal_mark(&read, 0, QB_MARK_UNDONE, QB_RESTORED_YES, NULL, &err), 0);
	assert_int_equal(qb_journal_settle(&read, &err), 0);
	qb_journal_close(&read);
	qb_steps_free(&steps);
	assert_int_equal(qb_journal_open(&read, path, &steps, &err), 0);
	assert_true(read.settled);
	assert_int_equal(steps.v[0].restored, QB_RESTORED_YES);
	assert_int_equal(steps.v[0].undoing, 0);
	qb_journal_close(&read);
}

/* Any number of processes, one after the other, leave to the steps the room that was reserved for them. */
static void processes_bring_their_room(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal, read;
	struct qb_journal_bench bench = {.origin = {"/a", "/b", ""}};
	struct qb_error err = {0};
	off_t left;

	write_session(&journal);
	left = journal.reserved - journal.end;
	for (bench.pid = 100; bench.pid < 2100; bench.pid++) {
		bench.placed = bench.pid;
		assert_int_equal(qb_journal_placed(&journal, &bench, &err), 0);
	}
	assert_int_equal(journal.reserved - journal.end, left);
	qb_journal_close(&journal);
	assert_int_equal(qb_journal_open(&read, path, &steps, &err), 0);
	assert_int_equal(read.bench.pid, 2099);
	assert_int_equal(steps.n, 3);
	assert_int_equal(qb_journal_settle(&read, &err), 0);
	qb_journal_close(&read);
}

/* Those that were born where one was placed say nothing of where they came from, and cost 64 bytes each at most. */
static void who_is_born_comes_from_there(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal, read;
	struct qb_journal_bench bench = {.placed = 77, .origin = {"elsewhere", "", ""}};
	struct qb_error err = {0};
	off_t left, end;

	write_session(&journal);
	left = journal.reserved - journal.end;
	end = journal.end;
	for (bench.pid = 100; bench.pid < 2100; bench.pid++) {
		bench.start = (uint64_t)bench.pid;
		assert_int_equal(qb_journal_placed(&journal, &bench, &err), 0);
	}
	assert_int_equal(journal.reserved - journal.end, left);
	assert_true(journal.end - end <= 2000 * 64);
	qb_journal_close(&journal);
	assert_int_equal(qb_journal_open(&read, path, &steps, &err), 0);
	assert_int_equal(read.bench.pid, 2099);
	assert_int_equal(read.bench.placed, 77);
	assert_int_equal(read.bench.start, 2099);
	assert_string_equal(read.bench.origin[0], "/a");
	assert_string_equal(read.bench.origin[1], "/b");
	assert_int_equal(qb_journal_settle(&read, &err), 0);
	qb_journal_close(&read);
}

/* Nobody is born where nobody was placed. */
static void who_is_born_alone_is_not_believed(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	const struct qb_journal_bench bench = {.pid = 78, .placed = 77};
	struct qb_journal journal, read;
	struct qb_error err = {0};

	assert_int_equal(qb_journal_create(&journal, path, &owner, 4096, &err), 0);
	assert_int_equal(qb_journal_placed(&journal, &bench, &err), 0);
	qb_journal_close(&journal);
	assert_true(qb_journal_open(&read, path, &steps, &err) < 0);
}

/* Whatever byte is changed: an error, and nothing of it. */
static void damage_is_never_believed(void **state)
{
	unsigned char whole[65536];
	struct qb_journal journal;
	off_t end;
	int fd;

	write_session(&journal);
	end = journal.end;
	assert_int_equal(journal.n_gathered, 0); /* UNDOING goes to the file at once */
	assert_int_equal(pread(journal.fd, whole, sizeof(whole), 0) > end, 1);
	qb_journal_close(&journal);
	for (off_t i = 0; i < end; i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		struct qb_error err = {0};
		unsigned char bad = whole[i] ^ 0x10;
		int r;

		fd = open(path, O_RDWR);
		assert_int_equal(pwrite(fd, &bad, 1, i), 1);
		close(fd);
		r = qb_journal_open(&journal, path, &steps, &err);
		assert_int_equal(r, -EBADMSG);
		assert_non_null(strstr(err.text, "nothing was written from it"));
		fd = open(path, O_RDWR);
		assert_int_equal(pwrite(fd, &whole[i], 1, i), 1);
		close(fd);
	}
}

/* A write cut off at any page: the session up to there. Behind it: damage. */
static void a_torn_end_is_forgiven(void **state)
{
	char big[QB_TEXT_MAX];
	struct qb_journal journal;
	struct qb_error err = {0};

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	write_session(&journal);
	while (journal.end < 16384)
		assert_int_equal(qb_journal_mark(&journal, 2, QB_MARK_BECAME, 0, big, &err) |
					 qb_journal_flush(&journal, &err),
			0);
	qb_journal_close(&journal);
	for (off_t page = 12288; page > 0; page -= 4096) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		const off_t size = journal.reserved;

		assert_int_equal(truncate(path, page) | truncate(path, size), 0);
		assert_int_equal(qb_journal_open(&journal, path, &steps, &err), 0);
		assert_int_equal(steps.n, 3);
		assert_true(journal.end <= page);
		assert_int_equal(qb_journal_settle(&journal, &err), 0);
		qb_journal_close(&journal);
		qb_steps_free(&steps);
		assert_int_equal(qb_journal_open(&journal, path, &steps, &err), 0);
		assert_true(journal.settled);
		qb_journal_close(&journal);
	}
}

static void a_cut_journal_ends_early_or_is_refused(void **state)
{
	struct qb_journal journal;
	off_t end;

	write_session(&journal);
	end = journal.end;
	qb_journal_close(&journal);
	for (off_t size = end - 1; size > 0; size -= 7) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		struct qb_error err = {0};
		int r;

		assert_int_equal(truncate(path, size), 0);
		r = qb_journal_open(&journal, path, &steps, &err);
		assert_true(r == 0 || r == -EBADMSG);
		if (r == 0)
			qb_journal_close(&journal);
	}
}

static void foreign_files_are_refused(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal;
	struct qb_error err = {0};

	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -ENOENT);
	write_session(&journal);
	qb_journal_close(&journal);
	assert_int_equal(chmod(path, 0622), 0);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -EBADMSG);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chown(path, 1000, 0), 0);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -EBADMSG);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -EBADMSG);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(qb_journal_open(&journal, path, &steps, &err) < 0);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -EBADMSG);
	assert_int_equal(steps.n, 0);
}

static void another_boot_is_another_host(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal_owner other = owner;
	struct qb_journal journal;
	struct qb_error err = {0};

	other.boot_id[0] = 'z';
	assert_int_equal(qb_journal_create(&journal, path, &other, 65536, &err), 0);
	qb_journal_close(&journal);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -ESTALE);
}

static void space_is_reserved_and_kept(void **state)
{
	struct qb_journal journal, second;
	struct qb_error err = {0};
	int r = 0;

	assert_int_equal(qb_journal_create(&journal, path, &owner, 8192, &err), 0);
	assert_int_equal(qb_journal_create(&second, path, &owner, 8192, &err), -EEXIST);
	for (int i = 0; i < 1000 && r == 0; i++)
		r = qb_journal_mark(&journal, 0, QB_MARK_BECAME, 0, "performance", &err);
	assert_int_equal(r, -ENOSPC);
	qb_journal_close(&journal);
}

/* Of one who was killed while he made it: nothing under the journal's name, nothing in the way. */
static void it_appears_whole(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal;
	struct qb_error err = {0};
	char fresh[256];
	int fd;

	snprintf(fresh, sizeof(fresh), "%s" QB_JOURNAL_FRESH, path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 65536), 0);
	close(fd);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), -ENOENT);
	assert_int_equal(qb_journal_create(&journal, path, &owner, 8192, &err), 0);
	assert_int_equal(access(fresh, F_OK), -1);
	qb_journal_close(&journal);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), 0);
	assert_string_equal(journal.owner.command, owner.command);
	qb_journal_close(&journal);
}

static void the_summary_is_for_everybody(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0}, read_steps = {0};
	struct qb_journal read;
	struct qb_error err = {0};
	struct stat st;

	qb_steps_add(&steps, QB_LEVER_NO_TURBO, qb_unit_none(), "0", "1")->left =
		qb_steps_text(&steps, "1");
	assert_int_equal(qb_journal_summarize(path, &owner, &steps, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(qb_journal_read(&read, path, &read_steps, &err), 0);
	assert_int_equal(read.fd, -1);
	assert_string_equal(read_steps.v[0].left, "1");
}

/* The state folder was removed: what the open file held is found under its name again. */
static void it_is_written_anew(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal, read, other;
	struct qb_error err = {0};

	write_session(&journal);
	assert_int_equal(qb_journal_save(&journal, path, &err), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
		qb_journal_mark(&journal, 0, QB_MARK_UNDONE, QB_RESTORED_YES, NULL, &err), 0);
	assert_int_equal(qb_journal_save(&journal, path, &err), 0);
	assert_int_equal(qb_journal_mark(&journal, 2, QB_MARK_INTENT, 0, NULL, &err), 0);
	assert_int_equal(qb_journal_open(&read, path, &steps, &err), 0);
	assert_int_equal(steps.n, 3);
	assert_int_equal(steps.v[0].restored, QB_RESTORED_YES);
	assert_true(steps.v[2].intent);
	qb_journal_close(&read);
	qb_journal_close(&journal);
	/* Another session's is not overwritten. */
	assert_int_equal(unlink(path), 0);
	write_session(&journal);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(qb_journal_create(&other, path, &owner, 8192, &err), 0);
	assert_int_equal(qb_journal_save(&journal, path, &err), -EEXIST);
	qb_journal_close(&other);
	qb_journal_close(&journal);
}

/* ---- records with good checksums that a journal of this version does not hold ---- */

static size_t put_record(
	char *at, enum qb_record_type type, uint32_t step, const void *body, size_t size)
{
	struct qb_record_head head = {.type = (uint16_t)type, .step = step};

	head.length = (uint32_t)((sizeof(head) + size + 7) / 8 * 8);
	head.pad = (uint16_t)(head.length - sizeof(head) - size);
	memset(at, 0, head.length);
	memcpy(at + sizeof(head), body, size);
	head.checksum = qb_journal_checksum(at + sizeof(head), head.length - sizeof(head));
	head.head_checksum =
		qb_journal_checksum(&head, offsetof(struct qb_record_head, head_checksum));
	memcpy(at, &head, sizeof(head));
	return head.length;
}

/* START, one step, and perhaps a mark. */
static int replay(const struct qb_start *start, size_t start_size, uint32_t of,
	const struct qb_mark_body *mark, size_t mark_size, struct qb_journal *ret)
{
	static _Alignas(8) char data[16384], body[1024];
	_cleanup_(qb_steps_free) struct qb_steps one = {0}, steps = {0};
	struct qb_error err = {0};
	size_t end;
	int n;

	assert_non_null(
		qb_steps_add(&one, QB_LEVER_GOVERNOR, qb_unit_number(0), "powersave", "userspace"));
	n = qb_step_encode(&one.v[0], body, sizeof(body));
	assert_true(n > 0);
	memset(data, 0, sizeof(data));
	end = put_record(data, QB_RECORD_START, 0, start, start_size);
	end += put_record(data + end, QB_RECORD_STEP, 0, body, (size_t)n);
	if (mark)
		end += put_record(data + end, QB_RECORD_MARK, of, mark, mark_size);
	*ret = (struct qb_journal){.fd = -1};
	return qb_journal_replay(ret, &steps, data, end, path, &err);
}

static void a_start_must_be_ours(void **state)
{
	const struct qb_start good = {.magic = QB_JOURNAL_MAGIC, .version = QB_JOURNAL_VERSION};
	struct qb_start start = good;
	struct qb_journal journal;

	assert_int_equal(replay(&good, sizeof(good), 0, NULL, 0, &journal), 0);
	assert_int_equal(replay(&good, sizeof(good) - 8, 0, NULL, 0, &journal), -EBADMSG);
	start.magic++;
	assert_int_equal(replay(&start, sizeof(start), 0, NULL, 0, &journal), -EBADMSG);
	start = good;
	start.version++;
	assert_int_equal(replay(&start, sizeof(start), 0, NULL, 0, &journal), -EBADMSG);
	/* shorter than was reserved for it */
	start = good;
	start.reserved = 65536;
	assert_int_equal(replay(&start, sizeof(start), 0, NULL, 0, &journal), -EBADMSG);
	/* texts without an end get one */
	start = good;
	memset(start.owner.boot_id, 'a', sizeof(start.owner.boot_id));
	memset(start.owner.profile, 'b', sizeof(start.owner.profile));
	memset(start.owner.command, 'c', sizeof(start.owner.command));
	memset(start.owner.cpus, 'd', sizeof(start.owner.cpus));
	assert_int_equal(replay(&start, sizeof(start), 0, NULL, 0, &journal), 0);
	assert_int_equal(strlen(journal.owner.boot_id), sizeof(start.owner.boot_id) - 1);
	assert_int_equal(strlen(journal.owner.profile), sizeof(start.owner.profile) - 1);
	assert_int_equal(strlen(journal.owner.command), sizeof(start.owner.command) - 1);
	assert_int_equal(strlen(journal.owner.cpus), sizeof(start.owner.cpus) - 1);
}

static void a_mark_must_be_of_a_step(void **state)
{
	const struct qb_start start = {.magic = QB_JOURNAL_MAGIC, .version = QB_JOURNAL_VERSION};
	const size_t fixed = offsetof(struct qb_mark_body, text);
	static const struct {
		int mark, number, r;
		uint32_t step;
	} cases[] = {
		{QB_MARK_INTENT, 0, 0, 0},
		{QB_MARK_INTENT, 0, -EBADMSG, 1},
		{QB_MARK_UNDONE + 1, 0, -EBADMSG, 0},
		{QB_MARK_VERDICT, QB_VERDICT_CONFLICT, 0, 0},
		{QB_MARK_VERDICT, QB_VERDICT_CONFLICT + 1, -EBADMSG, 0},
		{QB_MARK_VERDICT, -1, -EBADMSG, 0},
		{QB_MARK_UNDONE, QB_RESTORED_OWED, 0, 0},
		{QB_MARK_UNDONE, QB_RESTORED_OWED + 1, -EBADMSG, 0},
		{QB_MARK_UNDONE, -1, -EBADMSG, 0},
	};
	struct qb_mark_body mark = {0};
	struct qb_journal journal;

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		mark.mark = (uint16_t)cases[i].mark;
		mark.number = cases[i].number;
		assert_int_equal(
			replay(&start, sizeof(start), cases[i].step, &mark, fixed, &journal),
			cases[i].r);
	}
	mark = (struct qb_mark_body){.mark = QB_MARK_BECAME};
	assert_int_equal(replay(&start, sizeof(start), 0, &mark, fixed - 1, &journal), -EBADMSG);
	/* the longest text, and one without an end */
	memset(mark.text, 'x', sizeof(mark.text) - 1);
	assert_int_equal(replay(&start, sizeof(start), 0, &mark, sizeof(mark), &journal), 0);
	mark.text[sizeof(mark.text) - 1] = 'x';
	assert_int_equal(replay(&start, sizeof(start), 0, &mark, sizeof(mark), &journal), -EBADMSG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, remove_journal)
	const struct CMUnitTest tests[] = {
		TEST(the_checksum_is_crc32c),
		TEST(a_session_comes_back),
		TEST(processes_bring_their_room),
		TEST(who_is_born_comes_from_there),
		TEST(who_is_born_alone_is_not_believed),
		TEST(damage_is_never_believed),
		TEST(a_torn_end_is_forgiven),
		TEST(a_cut_journal_ends_early_or_is_refused),
		TEST(foreign_files_are_refused),
		TEST(another_boot_is_another_host),
		TEST(space_is_reserved_and_kept),
		TEST(it_appears_whole),
		TEST(the_summary_is_for_everybody),
		TEST(it_is_written_anew),
		TEST(a_start_must_be_ours),
		TEST(a_mark_must_be_of_a_step),
	};

	umask(022);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
