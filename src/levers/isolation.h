/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.isolation: keeping other tasks off the benchmark's CPUs, and the benchmark's group.
 *
 * Four ways, decided by qb_isolation_plan (lever.h) into selection->isolation:
 *
 *	partition  cgroup v2: the group's CPUs leave the scheduling domain of everybody else;
 *	           through systemd's own slice where systemd owns the tree
 *	shield     cgroup v1: everybody is moved into a cpuset of the housekeeping CPUs
 *	affinity   the mask of every thread loses the benchmark's CPUs
 *	none       nobody is moved; the benchmark still gets a group, so that its descendants
 *	           can be found
 *
 * Conditioning (monitor):
 *	qb_isolation_snapshot   steps for the threads, all of them before the first write
 *	  … write the steps in rank …
 *	qb_isolation_sweep      threads born meanwhile
 *	qb_isolation_origin     where the benchmark comes from; journal it, then
 *	qb_isolation_place      move it in; one of a run that joined into a group of its own below
 * Restoring (monitor or recovery; needs nothing but the journal's steps and bench):
 *	qb_isolation_empty      move what is left back, naming each; only if the client died: end it
 *	qb_isolation_adopt      appends steps for threads born under our masks; judge them with all other steps
 *	  … survey all steps, undo in rank …
 *	qb_isolation_settle     threads born while we undid
 */
#ifndef QB_LEVERS_ISOLATION_H
#define QB_LEVERS_ISOLATION_H

#include <host/move.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>

/* v1: where everybody else is moved to. */
#define QB_UNIT_HOUSEKEEPING  "quietbench.house"
#define QB_GROUP_HOUSEKEEPING "/" QB_UNIT_HOUSEKEEPING

/* Rows of the table. A group that is absent reads as a fresh one would: "" or "member" or "0". */
extern const struct qb_lever_ops qb_isolation_slice_ops;      /* "absent" | the CPUs as a list */
extern const struct qb_lever_ops qb_isolation_controller_ops; /* "off" | "on" */
/* v2's; v1's: unit.name is "quietbench" (the benchmark's) or "quietbench.house" (everybody's) */
extern const struct qb_lever_ops qb_isolation_group_ops; /* "absent" | "present" */
extern const struct qb_lever_ops qb_isolation_group_cpus_ops;
extern const struct qb_lever_ops qb_isolation_partition_ops;	/* "member" | "root" | "isolated" */
extern const struct qb_lever_ops qb_isolation_shield_file_ops;	/* cpus, mems, cpu_exclusive */
extern const struct qb_lever_ops qb_isolation_load_balance_ops; /* root's; "1" | "0" */
/* per thread */
extern const struct qb_lever_ops qb_isolation_task_group_ops;
extern const struct qb_lever_ops qb_isolation_task_affinity_ops;

/*
 * Appends the steps of the threads, `before` filled in: masks (wanted NULL under a partition, for
 * threads the shield moves and where CPUs go offline: the kernel changes them, we put them back)
 * and, for the shield, groups. PID 1 and exempt processes get no step that we would write; threads whose mask nobody
 * can change get none at all. Tasks that cannot be read are told of by one step that says so.
 */
int qb_isolation_snapshot(const struct qb_selection *selection, const struct qb_profile *profile,
	struct qb_steps *steps, struct qb_error *err);

/*
 * After the steps are written: appends steps (before, wanted) for threads that may still run on the
 * benchmark's CPUs: born meanwhile, or not moved by the kernel. The monitor writes and journals them like any other
 * and calls again until nothing is appended (give up after QB_ISOLATION_ROUNDS: threads are born
 * faster than we look). Returns how many were appended.
 */
#define QB_ISOLATION_ROUNDS 10
int qb_isolation_sweep(const struct qb_selection *selection, const struct qb_profile *profile,
	struct qb_steps *steps, struct qb_error *err);

/*
 * At restore, before the survey: threads without a step that carry exactly a mask we imposed, or
 * sit in our housekeeping cpuset, get a step (lever, unit, before = what their nearest ancestor
 * with a step had, intent set, left = what they carry). Returns how many were appended.
 */
int qb_isolation_adopt(struct qb_steps *steps, struct qb_error *err);
/*
 * After all undo: the same for threads born since, and every thread whose mask an undo of ours
 * changed after it was judged. Appended steps want the same undo; call until 0
 * (QB_ISOLATION_ROUNDS). Steps that were judged a conflict are left alone.
 */
int qb_isolation_settle(struct qb_steps *steps, struct qb_error *err);

/* Is this step no more than a group for the benchmark to be found by? */
bool qb_isolation_is_group(const struct qb_step *step);
/*
 * Does a planned step keep to the CPUs that the selection tells of? `taken` are those that other runs
 * lose by it; a thread's step is never the planner's.
 */
bool qb_isolation_keeps_to(const struct qb_step *step, const struct qb_selection *selection,
	const struct qb_cpus *taken);

/* Where the benchmark of this user comes from: fills all but joined and confined. Changes nothing. */
int qb_isolation_origin(
	const struct qb_held *held, uid_t uid, struct qb_journal_bench *ret, struct qb_error *err);
/*
 * Is this process the benchmark, or a descendant of its: in the run's group, or below it? Where the
 * host has no groups, its ancestors tell.
 */
bool qb_isolation_inside(const struct qb_journal_bench *bench, pid_t pid);
/*
 * Moves it into the run's group and, where masks are what isolates, gives it the benchmark's CPUs.
 * `lock`: the group gets no swap, if that is available; the benchmark's process looks (process.lock).
 * If it ends meanwhile, nobody is left there in its place: -ESRCH. Refused
 * (-EPERM) when its old group enforces what the new one cannot (isolation_limits.c).
 */
int qb_isolation_place(const struct qb_selection *selection, bool lock,
	const struct qb_journal_bench *bench, const struct qb_held *held, struct qb_error *err);

/* Called for every process moved back, when all are. */
struct qb_isolation_seen {
	void (*seen)(void *data, pid_t pid, const char *comm);
	void *data;
};
/*
 * Moves all members of the run's group, and of those below, back to where the benchmark came from.
 * With `end` its user's are ended instead; anybody else's, set-uid programs', are still moved.
 * With a bench that joined: of its own group alone, which is removed.
 */
int qb_isolation_empty(const struct qb_journal_bench *bench, bool end,
	const struct qb_isolation_seen *seen, struct qb_error *err);

#endif
