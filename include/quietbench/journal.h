/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: what lets anybody put the host back after everybody died.
 *
 * /run/quietbench/journal, root's alone, append-only. A record is {length, type, step, checksum,
 * body}; lengths are multiples of 8; a zero length is the end. Space for the whole session is
 * reserved with posix_fallocate before the host is touched, so that a full /run refuses a run
 * instead of breaking a restore. The first record carries version and boot id: a journal of
 * another boot describes a host that no longer exists and is put aside.
 *
 * Only the holder of the host lock may open it (whoever waits reads its owner's command). Sequence:
 *
 *	qb_journal_create        START
 *	qb_journal_step          STEP    for every step, its before filled in
 *	                         (all of these before the first write to the host)
 *	qb_journal_mark INTENT → qb_lever_write → BECAME
 *
 * Records are gathered and written together; INTENT, UNDOING, PLACED and SETTLED go to the file at
 * once, with all that was gathered before them. So nothing is done that the file does not tell of,
 * and what a killed writer had not yet written (BECAME, UNDONE) is what a recovery finds out anew.
 *
 *	after the last write     LEFT    for every step
 *	undo                     VERDICT for every step, then per step UNDOING → write → UNDONE
 *	qb_journal_settle        SETTLED, and the file is removed
 *
 * qb_journal_open replays the records into steps: a torn last record is the end; anything else
 * that does not check is an error and nothing is written from it.
 */
#ifndef QUIETBENCH_JOURNAL_H
#define QUIETBENCH_JOURNAL_H

#include <quietbench/error.h>
#include <quietbench/step.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define QB_STATE_DIR	"/run/quietbench"
#define QB_JOURNAL_PATH QB_STATE_DIR "/journal"
#define QB_SUMMARY_PATH QB_STATE_DIR "/summary"
#define QB_LOCK_PATH	QB_STATE_DIR "/lock"
#define QB_DOOR_PATH	QB_STATE_DIR "/door" /* protocol.h */
/* A file is written under this name and renamed: what has its own name is whole. */
#define QB_JOURNAL_FRESH ".new"

enum qb_mark {
	QB_MARK_INTENT,	 /* about to write */
	QB_MARK_BECAME,	 /* text: read back */
	QB_MARK_LEFT,	 /* text: as the session left it */
	QB_MARK_VERDICT, /* number: enum qb_verdict */
	QB_MARK_UNDOING, /* about to undo */
	QB_MARK_UNDONE,	 /* number: enum qb_restored; text: why not */
};

/* Whose session it is. */
struct qb_journal_owner {
	char boot_id[40];
	int64_t since;			   /* qb_time_now */
	int32_t client, guardian, monitor; /* pids, for people */
	uint32_t uid;
	char profile[64];
	char command[128];
	char cpus[128]; /* the benchmark's, a list */
	bool lease;	/* an apply: the client need not live */
	bool shared;	/* a lease that shared runs keep up: it ends with the last of them */
	/* of a lease, in the summary: qb_time_now; or 0, and as long as this lives */
	int64_t until;
	int32_t until_pid;
};

/*
 * The benchmark that the session looks after: a recovery must move it back or end it. A lease has none;
 * there it is the client of apply, for where the benchmarks of its runs are moved back to.
 */
struct qb_journal_bench {
	int32_t pid;
	int32_t placed; /* who was placed, whose number its group bears: it, or who has forked it there */
	bool joined;	/* of a run that joined: in a group of its own; never journaled */
	bool confined;	/* of a shared run: that group has its own CPUs only */
	uint32_t uid;	/* whose: with its client only processes of this user are ended */
	uint64_t start; /* start time, as in unit.key of a task */
	/* the cgroups it came from: v2, v1 cpuset, v1 freezer ("" when none) */
	char origin[3][256];
};

struct qb_journal {
	int fd;
	off_t end;		 /* where the next write goes */
	unsigned char *gathered; /* records that are not in the file yet */
	size_t n_gathered;
	off_t reserved; /* up to here the space is ours */
	size_t n_steps;
	struct qb_journal_owner owner;
	struct qb_journal_bench bench; /* pid 0: none placed */
	bool settled;
};

/*
 * Creates it exclusively (0600), with `reserve` bytes reserved and START written: it appears with both.
 * -EEXIST: a session's is there.
 */
int qb_journal_create(struct qb_journal *ret, const char *path,
	const struct qb_journal_owner *owner, size_t reserve, struct qb_error *err);
/* Bytes to reserve for these steps and `extra` more of the same mean size. */
size_t qb_journal_room(const struct qb_steps *steps, size_t extra);
/* Reserves more for `extra` more steps of the same mean size, if there is space. */
void qb_journal_extend(struct qb_journal *journal, const struct qb_steps *steps, size_t extra);
int qb_journal_step(struct qb_journal *journal, const struct qb_step *step, struct qb_error *err);
/* `step` is the index in the order of qb_journal_step. */
int qb_journal_mark(struct qb_journal *journal, size_t step, enum qb_mark mark, int number,
	const char *text, struct qb_error *err);
/* Writes what is gathered. Called by whatever must be on record before it happens. */
int qb_journal_flush(struct qb_journal *journal, struct qb_error *err);
/* The process that runs on the benchmark's CPUs from now on; the one before it has ended. */
int qb_journal_placed(
	struct qb_journal *journal, const struct qb_journal_bench *bench, struct qb_error *err);
int qb_journal_settle(struct qb_journal *journal, struct qb_error *err);
/* Its file was removed: writes it there anew, and goes on with that. -EEXIST: another's is there. */
int qb_journal_save(struct qb_journal *journal, const char *path, struct qb_error *err);
/*
 * Opens and replays. -ENOENT: there is none. -ESTALE: another boot's. -EBADMSG: it does not
 * check, or is not a regular file of root's that only root may write (checked on the open file).
 */
int qb_journal_open(
	struct qb_journal *ret, const char *path, struct qb_steps *ret_steps, struct qb_error *err);
/* The same, to look at only (the summary, by anybody): ret->fd is -1. */
int qb_journal_read(
	struct qb_journal *ret, const char *path, struct qb_steps *ret_steps, struct qb_error *err);
void qb_journal_close(struct qb_journal *journal);

/* Writes the summary, for everybody to read: the session's START without its command, which is not
 * everybody's to know, and its steps as they stand; replaced atomically. */
int qb_journal_summarize(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err);

/* This boot's id, as in /proc/sys/kernel/random/boot_id. */
int qb_journal_boot_id(char buf[40], struct qb_error *err);

#endif
