/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: lock */
#include "helper.h"
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/journal.h>
#include <sys/file.h>
#include <sys/stat.h>

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
		r = make_dir(QB_QUEUE_DIR, 0700, err);
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

	if (flock(lock, LOCK_EX | LOCK_NB) < 0 || fstat(lock, &st) < 0)
		return -errno;
	if (st.st_size > 0)
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

int qb_claims_open(struct qb_error *err)
{
	return open_own(QB_CLAIMS_PATH, err);
}

void qb_claims_forget(void)
{
	(void)unlink(QB_CLAIMS_PATH); /* there need not be one */
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

void qb_claims_ring(void)
{
	(void)chmod(QB_CLAIMS_PATH, 0600); /* its mode is that already: IN_ATTRIB */
}

/* The lowest seat from `from` on that another has: the kernel tells any. */
static unsigned lowest(int claims, unsigned cpu, unsigned from)
{
	const off_t first = seats_of(F_WRLCK, cpu, 0, 1).l_start;
	unsigned end = QB_CLAIM_SEATS;

	while (from < end) {
		struct flock seats = seats_of(F_WRLCK, cpu, from, end);

		if (fcntl(claims, F_OFD_GETLK, &seats) < 0 || seats.l_type == F_UNLCK)
			break;
		end = (unsigned)((size_t)(seats.l_start - first) / sizeof(struct qb_claimant));
	}
	return end;
}

bool qb_claims_find(int claims, unsigned cpu, const bool around[QB_CLAIM_SEATS], unsigned *seat)
{
	unsigned found = lowest(claims, cpu, *seat);

	while (found < QB_CLAIM_SEATS && around && around[found])
		found = lowest(claims, cpu, found + 1);
	if (found == QB_CLAIM_SEATS)
		return false;
	*seat = found;
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
