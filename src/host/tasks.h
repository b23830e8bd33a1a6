/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads of the host, as /proc tells of them.
 *
 *	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
 *	struct qb_task task;
 *	int r;
 *
 *	while ((r = qb_tasks_next(&walk, &task, err)) > 0)
 *		…
 *	if (walk.unreadable)
 *		… say that so many are missing, and walk.why …
 *
 * A thread is known by its id and its start time: ids are recycled. Threads that have
 * ended, or end while we look, are passed over; threads born meanwhile may or may not be seen (look
 * again). One that cannot be read never ends the walk: it is counted. Only a /proc that cannot be
 * listed is an error.
 */
#ifndef QB_HOST_TASKS_H
#define QB_HOST_TASKS_H

#include <dirent.h>
#include <quietbench/error.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A mask of QB_CPUS_MAX CPUs as the kernel writes it: 8 digits and a comma for every 32. */
#define QB_TASK_MASK (QB_CPUS_MAX / 32 * 9 + 1)

struct qb_task {
	pid_t tid, tgid, ppid;
	uint64_t start;	  /* clock ticks since boot */
	unsigned cpu;	  /* where it ran last */
	unsigned threads; /* of its process */
	bool kernel;	  /* a kernel thread */
	bool fixed;	  /* its mask cannot be changed (PF_NO_SETAFFINITY) */
	bool ended;	  /* a zombie: runs nowhere any more, other threads of its process may */
	bool stopped;	  /* by a signal or a tracer */
	uid_t uids[4];	  /* real, effective, saved, of the file system; -1: not told */
	char comm[32];	  /* the thread's name; longer for kernel workers than for programs */
	char process[32]; /* its process' (thread group leader's) */
	char allowed[QB_TASK_MASK]; /* Cpus_allowed, verbatim: offline CPUs included */
};

/* The texts of /proc/TID/stat and status, each into its members of the task. 0 or -EBADMSG; `text` is changed. */
int qb_task_parse_stat(char *text, struct qb_task *task);
int qb_task_parse_status(char *text, struct qb_task *task);
/* One thread by id. -ESRCH: there is none (any more). */
int qb_task_read(pid_t tid, struct qb_task *ret, struct qb_error *err);
/* Where nobody is kept off the benchmark's CPUs the calling thread keeps off by itself from now on. Not
 * while CPUs are offline for the run: then every mask is looked after, and ours would not come back. */
void qb_task_keep_off(const struct qb_selection *selection);
/* How long the thread has run, and has wanted to run and did not, in ns
 * (Documentation/scheduler/sched-stats.rst); -1: not told. */
int64_t qb_task_ran(pid_t tid);
int64_t qb_task_waited(pid_t tid);
/* Is it a thread of the kernel's? One that has ended is none: they live long. */
bool qb_task_is_kernel(pid_t tid);
/* Is `pid` the process `ancestor`, or one of its descendants? */
bool qb_task_descends(pid_t pid, pid_t ancestor);
/* Is there no such process any more, or one that is only to be waited for? Not everybody may look at it (hidepid). */
bool qb_task_has_ended(pid_t pid);
/* May this user end it without our help? It is all theirs; root's is everything. */
bool qb_task_is_of(const struct qb_task *task, uid_t uid);
struct qb_unit qb_task_unit(const struct qb_task *task);
/* Sets the affinity of one thread. The kernel cuts the set down to what the cpuset allows. */
int qb_task_set_affinity(pid_t tid, const struct qb_cpus *cpus, struct qb_error *err);

struct qb_tasks {
	/* The caller's choice, for the files that it spares: task.allowed stays "", */
	bool no_masks;
	bool only_ids;	     /* or all but tid and tgid stays empty, and who has ended is shown */
	DIR *proc, *threads; /* NULL: not begun */
	pid_t tgid;	     /* the process we are at, */
	unsigned n_threads;  /* how many it has, 0 while unknown */
	char process[32];    /* its name, "" while unknown */
	unsigned unreadable; /* threads, or processes with all of theirs, that were left out */
	struct qb_error why; /* the first of them */
};

/* The next thread: 1, or 0 at the end, or a negative errno. */
int qb_tasks_next(struct qb_tasks *walk, struct qb_task *ret, struct qb_error *err);
/* Counts one that its caller could not look at, as the walk counts its own. -ESRCH is nothing to tell of. */
void qb_tasks_skip(struct qb_tasks *walk, const struct qb_error *why);
void qb_tasks_close(struct qb_tasks *walk);

#endif
