/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: lock */
#include "helper.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/tasks.h>
#include <poll.h>
#include <quietbench/journal.h>
#include <quietbench/step.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define QUEUE_DIR   QB_STATE_DIR "/queue"
#define CLAIMS_PATH QB_STATE_DIR "/claims"
#define POLL_MS	    50
/* Who does not want to wait waits so long for one that is just starting or ending. */
#define SUMMARY_NS	INT64_C(500000000)
#define SUMMARY_POLL_MS 5
/* A holder that may take us in is asked more seldom: the answer costs it a wake-up. */
#define ASK_ROUNDS 10

/* A folder that is root's alone to write: no other user can have made it. */
static int make_dir(const char *path, mode_t mode, struct qb_error *err)
{
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return qb_error_errno(err, errno, "create %s", path);
	if (lstat(path, &st) < 0)
		return qb_error_errno(err, errno, "look at %s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return qb_error_set(err, EPERM,
			"%s is not a folder that only root can write: remove it and try again",
			path);
	if (chmod(path, mode) < 0) /* the umask must not hide the summary */
		return qb_error_errno(err, errno, "open %s to readers", path);
	return 0;
}

/* A process that can open it can also hold it. */
static bool is_ours_alone(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IRWXG | S_IRWXO));
}

static int open_own(const char *path, struct qb_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd >= 0 && is_ours_alone(fd))
		return fd;
	if (fd < 0 && errno != ELOOP && errno != EISDIR && errno != ENXIO)
		return qb_error_errno(err, errno, "open %s", path);
	if (fd >= 0)
		close(fd);
	return qb_error_set(err, EPERM,
		"%s is not a file that only root can open: remove it and try again", path);
}

int qb_lock_open(struct qb_error *err)
{
	int r = make_dir(QB_STATE_DIR, 0755, err);

	if (r == 0)
		r = make_dir(QUEUE_DIR, 0700, err);
	if (r < 0)
		return r;
	return open_own(QB_LOCK_PATH, err);
}

/*
 * A lock file that is new may be the second one: a session whose state folder was removed still holds
 * the first. Who takes it for the first time looks for such a session, and marks it when there is none.
 */
int qb_lock_try(int lock)
{
	struct stat st;

	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	if (fstat(lock, &st) == 0 && st.st_size > 0)
		return 0;
	if (qb_lock_is_elsewhere(&st)) {
		qb_lock_leave(lock);
		return -EWOULDBLOCK;
	}
	(void)!pwrite(lock, "", 1, 0); /* in a full /run the next one looks again */
	return 0;
}

void qb_lock_leave(int lock)
{
	(void)flock(lock, LOCK_UN); /* nothing can go wrong with a lock that is ours */
}

static void ticket_path(unsigned number, char *buf, size_t size)
{
	qb_text_format(buf, size, QUEUE_DIR "/%u", number);
}

static bool is_stopped(pid_t pid)
{
	struct qb_task task;

	return qb_task_read(pid, &task, NULL) == 0 && task.stopped;
}

/* A waiter that is stopped, or whose client is, lets the ones behind it pass until it goes on. */
static bool passes(int ticket)
{
	char text[32] = "";
	int waiter, client;

	return pread(ticket, text, sizeof(text) - 1, 0) > 0 &&
	       sscanf(text, "%d %d", &waiter, &client) == 2 &&
	       (is_stopped(waiter) || is_stopped(client));
}

/* Is a living process waiting with a smaller number? Removes the tickets of the dead on the way. */
static int somebody_before(unsigned own, bool *ret, struct qb_error *err)
{
	_cleanup_free_ unsigned *numbers = NULL;
	bool before = false;
	size_t n = 0;
	int r = qb_dir_numbers(QUEUE_DIR, "", &numbers, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && numbers[i] < own && !before; i++) {
		_cleanup_close_ int fd = -1;
		char path[64];

		ticket_path(numbers[i], path, sizeof(path));
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue; /* its owner has just got the lock */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlink(path);
		else
			before = !passes(fd);
	}
	*ret = before;
	return 0;
}

/* Gives the ticket, a file without a name yet, a number behind all earlier ones. */
static int number_ticket(int ticket, unsigned *ret_number, struct qb_error *err)
{
	char self[64], path[64];

	qb_text_format(self, sizeof(self), "/proc/self/fd/%d", ticket);
	for (;;) {
		_cleanup_free_ unsigned *numbers = NULL;
		size_t n = 0;
		int r = qb_dir_numbers(QUEUE_DIR, "", &numbers, &n, err);

		if (r < 0)
			return r;
		*ret_number = n ? numbers[n - 1] + 1 : 1;
		ticket_path(*ret_number, path, sizeof(path));
		if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			return qb_error_errno(err, errno, "queue up with %s", path);
	}
}

/* It is locked before it can be seen, so one that is seen unlocked is a dead man's. */
static int draw_ticket(const struct qb_peer *peer, unsigned *ret_number, struct qb_error *err)
{
	int ticket = open(QUEUE_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (ticket < 0)
		return qb_error_errno(err, errno, "make a ticket in %s", QUEUE_DIR);
	if (flock(ticket, LOCK_EX | LOCK_NB) < 0 ||
		dprintf(ticket, "%d %d\n", getpid(), peer->pid) < 0)
		r = qb_error_errno(err, errno, "make a ticket in %s", QUEUE_DIR);
	else
		r = number_ticket(ticket, ret_number, err);
	if (r == 0)
		return ticket;
	close(ticket);
	return r;
}

/* The session that holds the lock, from the summary it wrote; it may not have come so far. */
static int read_holder(struct qb_journal_owner *ret)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal holder;
	int r = qb_journal_read(&holder, QB_SUMMARY_PATH, &steps, NULL);

	if (r == 0)
		*ret = holder.owner;
	return r;
}

/* Whom we wait for. -EDEADLK: that one waits for us to end. */
static int name_holder(
	const struct qb_lock_wait *wait, char *buf, size_t size, struct qb_error *err)
{
	struct qb_journal_owner holder;

	if (read_holder(&holder) < 0) {
		qb_text_copy(buf, size, "another quietbench that is just starting or ending");
		return 0;
	}
	if (!wait->names && holder.uid != wait->peer->uid)
		holder.command[0] = '\0';
	qb_lease_describe(&holder, buf, size);
	if (!holder.lease && qb_task_descends(wait->peer->pid, holder.client))
		return qb_error_set(err, EDEADLK,
			"this command runs inside %s, which must end first; use quietbench run here: it joins that session",
			buf);
	return 0;
}

/* 0: the lock is ours; 1: admitted beside its holder; -EWOULDBLOCK: neither; -ESTALE: it is none. */
static int try(int lock, const struct qb_lock_wait *wait, bool ask, struct qb_error *err)
{
	struct qb_journal_owner holder;
	const int r = qb_lock_try(lock);

	if (qb_lock_lost(lock)) {
		if (r == 0)
			qb_lock_leave(lock);
		return qb_error_set(
			err, ESTALE, QB_LOCK_PATH " was removed or replaced meanwhile: try again");
	}
	if (r == 0)
		return 0;
	return ask && wait->admitted && read_holder(&holder) == 0 &&
			       wait->admitted(wait->data, &holder)
		       ? 1
		       : -EWOULDBLOCK;
}

/* A holder that wrote no summary is about to hold the host, or has just left it: nobody need be refused. */
static int await_summary(int lock, const struct qb_lock_wait *wait, struct qb_error *err)
{
	const int64_t until = qb_ns_now(CLOCK_MONOTONIC) + SUMMARY_NS;
	struct qb_journal_owner holder;
	int r = -EWOULDBLOCK;

	while (r == -EWOULDBLOCK && read_holder(&holder) < 0 &&
		qb_ns_now(CLOCK_MONOTONIC) < until) {
		poll(NULL, 0, SUMMARY_POLL_MS);
		r = try(lock, wait, false, err);
	}
	return r;
}

static int wait_turn(
	int lock, unsigned number, const struct qb_lock_wait *wait, struct qb_error *err)
{
	struct pollfd gone = {.fd = wait->peer->pidfd, .events = POLLIN};
	int64_t deadline = qb_ns_now(CLOCK_MONOTONIC) + wait->ns;

	for (unsigned round = 0;; round++) {
		bool before;
		int r = somebody_before(number, &before, err);

		if (r < 0)
			return r;
		if (!before && !is_stopped(wait->peer->pid))
			r = try(lock, wait, round % ASK_ROUNDS == 0, err);
		else
			r = -EWOULDBLOCK;
		if (r != -EWOULDBLOCK)
			return r;
		if (wait->ns >= 0 && qb_ns_now(CLOCK_MONOTONIC) >= deadline)
			return qb_error_set(err, EWOULDBLOCK,
				"the host is still in use after the time given by --lock-wait");
		if (poll(&gone, 1, POLL_MS) == 1)
			return qb_error_set(err, ECANCELED, "the client is gone");
	}
}

int qb_lock_take(int lock, const struct qb_lock_wait *wait, struct qb_error *err)
{
	_cleanup_close_ int ticket = -1;
	char path[64], holder[256];
	unsigned number = 0;
	bool before;
	int r;

	r = somebody_before(UINT32_MAX, &before, err);
	if (r < 0)
		return r;
	if (!before) {
		r = try(lock, wait, true, err);
		if (r == -EWOULDBLOCK && wait->ns == 0)
			r = await_summary(lock, wait, err);
		if (r != -EWOULDBLOCK)
			return r;
	}
	r = name_holder(wait, holder, sizeof(holder), err);
	if (r < 0)
		return r;
	if (wait->ns == 0)
		return qb_error_set(err, EWOULDBLOCK, "the host is in use by %s", holder);
	ticket = draw_ticket(wait->peer, &number, err);
	if (ticket < 0)
		return ticket;
	wait->told(wait->data, holder);
	r = wait_turn(lock, number, wait, err);
	ticket_path(number, path, sizeof(path));
	unlink(path);
	return r;
}

int qb_claims_open(struct qb_error *err)
{
	return open_own(CLAIMS_PATH, err);
}

/* Some seats of a CPU: what is written where a seat is tells whose it is. */
static struct flock seats_of(short type, unsigned cpu, unsigned from, unsigned to)
{
	const off_t size = sizeof(struct qb_claimant);

	return (struct flock){.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = ((off_t)cpu * QB_CLAIM_SEATS + from) * size,
		.l_len = (off_t)(to - from) * size};
}

bool qb_claims_take(int claims, unsigned cpu, unsigned seat)
{
	struct flock one = seats_of(F_WRLCK, cpu, seat, seat + 1);

	return fcntl(claims, F_OFD_SETLK, &one) == 0;
}

void qb_claims_leave(int claims, unsigned cpu)
{
	struct flock all = seats_of(F_UNLCK, cpu, 0, QB_CLAIM_SEATS);

	(void)fcntl(claims, F_OFD_SETLK, &all); /* what is ours can be given back */
}

bool qb_claims_is_free(int claims, unsigned cpu)
{
	struct flock all = seats_of(F_WRLCK, cpu, 0, QB_CLAIM_SEATS);

	return fcntl(claims, F_OFD_GETLK, &all) == 0 && all.l_type == F_UNLCK;
}

bool qb_claims_find(int claims, unsigned cpu, unsigned *seat)
{
	const off_t first = seats_of(F_WRLCK, cpu, 0, 1).l_start;
	unsigned end = QB_CLAIM_SEATS;

	/* The kernel tells any of those that are taken, and we want the lowest. */
	while (*seat < end) {
		struct flock seats = seats_of(F_WRLCK, cpu, *seat, end);

		if (fcntl(claims, F_OFD_GETLK, &seats) < 0 || seats.l_type == F_UNLCK)
			break;
		end = (unsigned)((size_t)(seats.l_start - first) / sizeof(struct qb_claimant));
	}
	if (end == QB_CLAIM_SEATS)
		return false;
	*seat = end;
	return true;
}

void qb_claims_sign(int claims, unsigned cpu, unsigned seat, const struct qb_claimant *who)
{
	/* A claim without a name is one all the same. */
	(void)!pwrite(claims, who, sizeof(*who), seats_of(F_WRLCK, cpu, seat, seat + 1).l_start);
}

struct qb_claimant qb_claims_signed(int claims, unsigned cpu, unsigned seat)
{
	struct qb_claimant who = {0};
	ssize_t n =
		pread(claims, &who, sizeof(who), seats_of(F_WRLCK, cpu, seat, seat + 1).l_start);

	return n == (ssize_t)sizeof(who) ? who : (struct qb_claimant){0};
}
