/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which threads ran on a set of CPUs, for how long, and to which family they belong: one table of threads over all of them.
 *
 *	qb_runners_watch     for each CPU of the set
 *	qb_runners_follow    whose family is `own`; without it nobody's
 *	qb_runners_take      every event, of all CPUs, in the order of time
 *	qb_runners_end       until then; then read `v`
 *	qb_runners_free
 *
 * A thread is known by its id from its fork to its exit. It is the benchmark's (`own`) when its parent
 * is. It is somebody else's (`other`) when it lived before the benchmark, or descends from such a thread.
 * When forks may have been missed a thread is not `other` just because its fork was not seen:
 * `ask` looks at what /proc says, and a thread that cannot be assigned stays `unknown`.
 *
 * With a benchmark to follow only the time from its exec to its exit counts: all sums begin anew at
 * the exec, and end when the last thread of its process has.
 *
 * The table grows with what lives. Of the threads that have ended, those that ran least are folded into a rest for each CPU,
 * with own, other and unknown apart. Where there is no memory for one more, that is `lost`.
 *
 * Pure: where events come from is watcher.h's.
 */
#ifndef QB_NOISE_RUNNERS_H
#define QB_NOISE_RUNNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum qb_whose { QB_WHOSE_UNKNOWN, QB_WHOSE_OWN, QB_WHOSE_OTHER, QB_WHOSE_COUNT };

/* What a thread had of one CPU. */
struct qb_stay {
	struct qb_stay *next;
	unsigned cpu;
	int64_t ns;
	uint64_t times; /* so often it came there */
};

struct qb_runner {
	pid_t pid, tid;
	uid_t uid; /* whose; -1: it was gone before we looked */
	char comm[32];
	enum qb_whose whose;
	struct qb_stay *stays; /* owned */
	int64_t waits;	       /* of one that was put off and wants to go on: since when; else 0 */
	int64_t waited;	       /* so long all together */
	bool named;	       /* somebody looked */
	bool runs;
	int64_t ended_ns;	/* 0: it lives */
	struct qb_runner *next; /* of the same hash */
};

enum qb_event_type {
	QB_EVENT_IN,
	QB_EVENT_OUT,	    /* it waits for something, or has died (tid <= 0) */
	QB_EVENT_PREEMPTED, /* it is out, and wants to go on */
	QB_EVENT_FORK,	    /* ppid, ptid: the parent */
	QB_EVENT_EXIT,
	QB_EVENT_NAME,
	QB_EVENT_EXEC, /* with its new name */
	QB_EVENT_LOST, /* so many events of this CPU */
};

struct qb_event {
	enum qb_event_type type;
	unsigned cpu;  /* where it was seen */
	int64_t at_ns; /* CLOCK_MONOTONIC */
	pid_t pid, tid, ppid, ptid;
	pid_t next_pid,
		next_tid; /* of OUT and PREEMPTED: who has the CPU now; tid 0: not told, or idle */
	char comm[16];
	uint64_t lost;
};

/* A watched CPU. */
struct qb_runners_cpu {
	unsigned cpu;
	struct qb_runner *on;		     /* the thread that has it; NULL: none that we know */
	bool fresh;			     /* nothing is known of it yet */
	int64_t since;			     /* the task on it counts from then on */
	int64_t from_ns;		     /* what was before does not count; 0: all does */
	struct qb_stay rest[QB_WHOSE_COUNT]; /* of threads that are no longer in the table */
};

#define QB_RUNNERS_LEVELS 256

struct qb_runners {
	struct qb_runner **v; /* owned, in no order */
	size_t n, room, ended;
	struct qb_runner **hash; /* owned; by tid, of those that an event may still name */
	size_t n_hash;
	size_t fold_at;		   /* so many ended ones are folded */
	struct qb_runners_cpu *of; /* owned */
	size_t n_of, last;
	uint64_t lost; /* events that were lost: all figures are then uncertain */
	/* given */
	bool complete; /* no fork is missed as long as nothing is lost */
	void (*name)(struct qb_runner *runner, void *data);	/* name and uid; may be NULL */
	enum qb_whose (*ask)(pid_t pid, pid_t tid, void *data); /* may be NULL: not known */
	void *data;
	/* the benchmark */
	pid_t follow;
	unsigned threads;	  /* of its process, that live */
	int64_t exec_ns, exit_ns; /* 0: not seen */
	int64_t rest_waited;	  /* of own ones that are no more in the table */
	unsigned runnable;	  /* own threads that run, or were put off */
	int64_t runnable_since;
	int64_t level_ns[QB_RUNNERS_LEVELS]; /* [k]: so long k of them were; the last: and more */
};

/* "cron (pid 812)"; the comm alone where there is no pid to name. */
void qb_runner_name(const char *comm, pid_t pid, char *buf, size_t size);
/* What it had of that CPU; zeros if nothing. Of all CPUs. */
struct qb_stay qb_runner_stay(const struct qb_runner *runner, unsigned cpu);
struct qb_stay qb_runner_total(const struct qb_runner *runner);

/* Events of this CPU count, from `from_ns` on. -ENOMEM. */
int qb_runners_watch(struct qb_runners *table, unsigned cpu, int64_t from_ns);
/* NULL: it is not watched. */
struct qb_runners_cpu *qb_runners_of(struct qb_runners *table, unsigned cpu);
/* This process and all that it forks from now on are `own`. -ENOMEM. */
int qb_runners_follow(struct qb_runners *table, pid_t pid);
void qb_runners_take(struct qb_runners *table, const struct qb_event *event);
/* The current task of each CPU ran until then, or until the benchmark's exit. */
void qb_runners_end(struct qb_runners *table, int64_t until_ns);
/* What another process counted of a thread; tid 0: a sum of several. -ENOMEM. */
int qb_runners_add(struct qb_runners *table, const struct qb_runner *runner, struct qb_stay stay);
/* On all CPUs, of those that are `whose`. */
int64_t qb_runners_sum(const struct qb_runners *table, enum qb_whose whose);
/* So long own threads could have run and did not. */
int64_t qb_runners_waited(const struct qb_runners *table);
/* The most own threads that could run at once, for a twentieth of the time at least. */
unsigned qb_runners_at_once(const struct qb_runners *table);
void qb_runners_free(struct qb_runners *table);

#endif
