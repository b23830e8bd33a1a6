/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench status: is the host conditioned, by whom, since when, and does it still hold?
 *
 * Readable by anyone, and it disturbs nobody: the summary says what a session did, /proc/locks
 * says whether that session lives. (Trying the lock would need the right to open it, and could
 * make a session that starts at that moment believe the host taken.)
 */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <cli/json.h>
#include <cli/lines.h>
#include <cli/outcome.h>
#include <cli/query.h>
#include <core/restore.h>
#include <errno.h>
#include <host/tasks.h>
#include <inttypes.h>
#include <pwd.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define EXIT_NOT_CONDITIONED 3
#define EXIT_UNKNOWN	     4

enum state {
	STATE_CONDITIONED,
	STATE_DRIFTED,
	STATE_LEFT_OVER,
	STATE_NOT_CONDITIONED,
	STATE_UNKNOWN,
};

static const struct {
	const char *name;
	int status;
} states[] = {
	[STATE_CONDITIONED] = {"conditioned", EXIT_SUCCESS},
	[STATE_DRIFTED] = {"drifted", QB_EXIT_FAILURE},
	[STATE_LEFT_OVER] = {"left over", QB_EXIT_FAILURE},
	[STATE_NOT_CONDITIONED] = {"not conditioned", EXIT_NOT_CONDITIONED},
	[STATE_UNKNOWN] = {"unknown", EXIT_UNKNOWN},
};

struct status {
	enum state state;
	struct qb_error why; /* what else there is to say; text "" when nothing */
	bool session;	     /* the members below mean something */
	struct qb_journal summary;
	struct qb_steps steps; /* as the session left them */
	struct qb_steps drift; /* before: as it was left; wanted: as it reads now */
	struct qb_steps kept;  /* what earlier sessions did not put back (core/restore.h) */
	size_t unreadable;
};

static void status_free(struct status *status)
{
	qb_steps_free(&status->steps);
	qb_steps_free(&status->drift);
	qb_steps_free(&status->kept);
}

/* Which process holds the flock on the host lock: its pid, 0 for none, or a negative errno. */
static int lock_holder(struct qb_error *err)
{
	_cleanup_free_ char *locks = NULL;
	char *rest = NULL;
	struct stat st;

	if (stat(QB_LOCK_PATH, &st) < 0)
		return errno == ENOENT ? 0
				       : qb_error_errno(err, errno, "look at the host lock %s",
						 QB_LOCK_PATH);
	if (qb_file_read_all("/proc/locks", &locks, err) < 0)
		return -err->code;
	for (char *line = strtok_r(locks, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned major, minor;
		uint64_t inode;
		int pid;
		/* "3: FLOCK  ADVISORY  WRITE 812 00:1a:567 0 EOF" */
		if (sscanf(line, "%*u: FLOCK %*s WRITE %d %x:%x:%" SCNu64, &pid, &major, &minor,
			    &inode) == 4 &&
			makedev(major, minor) == st.st_dev && inode == st.st_ino)
			return pid;
	}
	return 0;
}

/* A thread that is gone took its mask along; anything else that is gone has drifted. */
static bool is_gone(const struct qb_step *step, int r)
{
	return (r == -ENOENT || r == -ESRCH) && qb_levers[step->lever].unit == QB_UNIT_TASK;
}

static int compare_step(struct status *status, const struct qb_step *step, struct qb_error *err)
{
	char now[QB_TEXT_MAX];
	int r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL);

	if (r == -EACCES || r == -EPERM)
		status->unreadable++;
	if (r == -EACCES || r == -EPERM || is_gone(step, r))
		return 0;
	if (r < 0)
		snprintf(now, sizeof(now), "(%s)", qb_error_name(-r, (char[64]){0}, 64));
	else if (qb_lever_same(step->lever, now, step->left))
		return 0;
	struct qb_step *drift =
		qb_steps_add(&status->drift, step->lever, step->unit, step->left, now);
	if (!drift)
		return qb_error_errno(err, ENOMEM, "compare the host with what was left");
	drift->status = QB_STATUS_APPLIED;
	return 0;
}

static int look_for_drift(struct status *status, struct qb_error *err)
{
	for (size_t i = 0; i < status->steps.n; i++) {
		const struct qb_step *step = &status->steps.v[i];
		if (!step->left || step->status != QB_STATUS_APPLIED || qb_levers[step->lever].held)
			continue;
		int r = compare_step(status, step, err);
		if (r < 0)
			return r;
	}
	status->state = status->drift.n ? STATE_DRIFTED : STATE_CONDITIONED;
	return 0;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* The most pressing of what earlier sessions did not put back. */
static void explain_kept(const struct qb_steps *kept, struct qb_error *why)
{
	const size_t failures = qb_outcome_count(kept, QB_RESTORED_NO);
	const size_t owed = qb_outcome_count(kept, QB_RESTORED_OWED);

	if (failures)
		qb_error_set(why, 0, "%zu value%s could not be put back; run: quietbench restore",
			failures, plural(failures));
	else if (qb_outcome_count(kept, QB_RESTORED_CONFLICT))
		qb_error_set(why, 0,
			"values that other programs changed were left as they are; to put them back too: quietbench restore --force");
	else if (owed)
		qb_error_set(why, 0,
			"%zu value%s cannot be given back yet; once that is possible, run: quietbench restore",
			owed, plural(owed));
}

/* There is no summary of this boot. */
static enum state without_summary(const struct status *status, int holder, struct qb_error *why)
{
	if (holder > 0) {
		qb_error_set(why, 0, "a session is running (pid %d)", holder);
		return STATE_NOT_CONDITIONED;
	}
	if (qb_file_exists(QB_JOURNAL_PATH)) {
		qb_error_set(why, 0,
			"a session was interrupted while changing the host; run: quietbench restore");
		return STATE_LEFT_OVER;
	}
	if (!why->code)
		explain_kept(&status->kept, why);
	return STATE_NOT_CONDITIONED;
}

static bool is_owner(const struct qb_journal_owner *owner, int pid)
{
	return pid && (pid == owner->guardian || pid == owner->monitor);
}

/* What it runs is in the journal alone, which is root's. */
static void look_at_command(struct qb_journal_owner *owner)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal journal;

	if (qb_journal_read(&journal, QB_JOURNAL_PATH, &steps, NULL) == 0)
		memcpy(owner->command, journal.owner.command, sizeof(owner->command));
}

/*
 * The lock is the session's, and its monitor is dead: the guardian has it now. It restores, unless
 * somebody has stopped it.
 */
static void explain_orphan(const struct qb_journal_owner *owner, struct qb_error *why)
{
	struct qb_task guardian;

	if (qb_task_read(owner->guardian, &guardian, NULL) == 0 && guardian.stopped)
		qb_error_set(why, 0,
			"its monitor has died, and its guardian, process %" PRId32
			", which would restore the host, is stopped; run: kill -CONT %" PRId32,
			owner->guardian, owner->guardian);
	else
		qb_error_set(why, 0,
			"its monitor has died; its guardian, process %" PRId32
			", is restoring the host",
			owner->guardian);
}

static int look(struct status *status, struct qb_error *err)
{
	const struct qb_journal_owner *owner = &status->summary.owner;
	struct qb_journal list;
	int r = qb_journal_read(&status->summary, QB_SUMMARY_PATH, &status->steps, err);

	status->session = r == 0;
	if (status->session)
		look_at_command(&status->summary.owner);
	if (r < 0 && r != -ENOENT && r != -ESTALE)
		return r;
	int holder = lock_holder(err);
	if (holder < 0)
		return holder;
	r = qb_journal_read(&list, QB_CONFLICTS_PATH, &status->kept, &status->why);
	if (r < 0)
		qb_steps_free(&status->kept);
	if (r == -ENOENT || r == -ESTALE)
		status->why = (struct qb_error){0};
	if (!status->session) {
		status->state = without_summary(status, holder, &status->why);
		return 0;
	}
	if (is_owner(owner, holder) && !qb_task_has_ended(owner->monitor))
		return look_for_drift(status, err);
	status->state = STATE_LEFT_OVER;
	if (is_owner(owner, holder))
		explain_orphan(owner, &status->why);
	else if (holder)
		qb_error_set(&status->why, 0,
			"its session was interrupted; another one is running (pid %d)", holder);
	else
		qb_error_set(
			&status->why, 0, "its session was interrupted; run: quietbench restore");
	return 0;
}

static const char *user_name(uint32_t uid, char *buf, size_t size)
{
	const struct passwd *user = getpwuid(uid);
	if (user)
		snprintf(buf, size, "%s", user->pw_name);
	else
		snprintf(buf, size, "uid %" PRIu32, uid);
	return buf;
}

static size_t count_applied(const struct qb_steps *steps)
{
	size_t n = 0;
	for (size_t i = 0; i < steps->n; i++)
		n += steps->v[i].status == QB_STATUS_APPLIED && steps->v[i].wanted;
	return n;
}

static void put_lease(struct qb_json *json, const struct qb_journal_owner *owner)
{
	char until[64];

	if (!owner->lease || owner->shared) {
		qb_json_null(json, "lease");
		return;
	}
	qb_time_format(qb_time_wall(owner->until), "%FT%T%z", until, sizeof(until));
	qb_json_object(json, "lease");
	qb_json_text(json, "until", owner->until ? until : NULL);
	if (owner->until_pid)
		qb_json_number(json, "while", owner->until_pid);
	else
		qb_json_null(json, "while");
	qb_json_end(json);
}

static void put_session(struct qb_json *json, const struct status *status)
{
	const struct qb_journal_owner *owner = &status->summary.owner;
	char user[64], since[64];

	if (!status->session) {
		qb_json_null(json, "session");
		return;
	}
	qb_time_format(qb_time_wall(owner->since), "%FT%T%z", since, sizeof(since));
	qb_json_object(json, "session");
	qb_json_text(json, "user", user_name(owner->uid, user, sizeof(user)));
	qb_json_number(json, "uid", owner->uid);
	qb_json_text(json, "since", since);
	qb_json_number(json, "client", owner->client);
	qb_json_number(json, "monitor", owner->monitor);
	qb_json_text(json, "profile", owner->profile);
	qb_json_text(json, "cpus", owner->cpus);
	qb_json_bool(json, "shared", owner->shared);
	qb_json_text(json, "command",
		(owner->lease && !owner->shared) || !owner->command[0] ? NULL : owner->command);
	put_lease(json, owner);
	qb_json_number(json, "applied", (int64_t)count_applied(&status->steps));
	qb_json_end(json);
}

/* What earlier sessions could not put back, or left alone. */
static const struct {
	enum qb_restored restored;
	const char *name, *heading;
} kinds[] = {
	{QB_RESTORED_NO, "no", "not restored (run: quietbench restore)"},
	{QB_RESTORED_OWED, "owed", QB_OUTCOME_OWED " (then run: quietbench restore)"},
	{QB_RESTORED_CONFLICT, "conflict",
		"left as another program set it (to put it back: quietbench restore --force)"},
};

static void put_kept(struct qb_json *json, const struct qb_steps *kept)
{
	qb_json_array(json, "kept");
	for (size_t k = 0; k < QB_ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < kept->n; i++) {
			const struct qb_step *step = &kept->v[i];

			if (step->restored != kinds[k].restored)
				continue;
			qb_json_object(json, NULL);
			qb_json_step(json, step);
			qb_json_text(json, "restored", kinds[k].name);
			qb_json_text(json, "before", step->before);
			qb_json_text(json, "now", step->became);
			qb_json_text(json, "reason", step->reason);
			qb_json_end(json);
		}
	qb_json_end(json);
}

static int print_json(const struct status *status)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/status/1");
	qb_json_text(json, "state", states[status->state].name);
	qb_json_text(json, "reason", *status->why.text ? status->why.text : NULL);
	put_session(json, status);
	qb_json_array(json, "drift");
	for (size_t i = 0; i < status->drift.n; i++) {
		const struct qb_step *step = &status->drift.v[i];
		qb_json_object(json, NULL);
		qb_json_step(json, step);
		qb_json_text(json, "left", step->before);
		qb_json_text(json, "now", step->wanted);
		qb_json_end(json);
	}
	qb_json_end(json);
	put_kept(json, &status->kept);
	qb_json_number(json, "unreadable", (int64_t)status->unreadable);
	return qb_query_print(json, states[status->state].status);
}

/* What keeps the host conditioned: the command of a run, or the end of a lease. */
static void print_reason(const struct qb_journal_owner *owner)
{
	int64_t left = owner->until - qb_time_now();
	char until[64], in[64];

	if (owner->shared) {
		printf("  shared   as long as one of the runs lasts%s%s\n",
			owner->command[0] ? "; the first: " : "", owner->command);
	} else if (!owner->lease) {
		if (owner->command[0])
			printf("  command  %s\n", owner->command);
	} else if (owner->until_pid) {
		printf("  apply    as long as process %" PRId32 " lives\n", owner->until_pid);
	} else {
		qb_time_format(qb_time_wall(owner->until), "%F %T", until, sizeof(until));
		qb_time_age(left, in, sizeof(in));
		printf("  apply    until %s, in %s\n", until, in);
	}
}

static void print_session(const struct status *status)
{
	const struct qb_journal_owner *owner = &status->summary.owner;
	size_t applied = count_applied(&status->steps);
	char user[64], since[64], age[64];

	qb_time_age(qb_time_now() - owner->since, age, sizeof(age));
	qb_time_format(qb_time_wall(owner->since), "%F %T", since, sizeof(since));
	printf("  by       %s, since %s, %s ago\n", user_name(owner->uid, user, sizeof(user)),
		since, age);
	printf("  profile  %s, CPU %s, %zu change%s\n", owner->profile, owner->cpus, applied,
		applied == 1 ? "" : "s");
	print_reason(owner);
}

static int print_text(const struct status *status)
{
	struct qb_error err = {0};

	printf("%s%s%s\n", states[status->state].name, *status->why.text ? ": " : "",
		status->why.text);
	if (status->session)
		print_session(status);
	if (status->drift.n) {
		printf("changed by another program since:\n");
		if (qb_lines_changes(stdout, &status->drift, QB_STATUS_APPLIED, &err) < 0)
			return qb_query_fail(&err);
	}
	if (status->unreadable)
		printf("%zu values only root may read were not compared\n", status->unreadable);
	for (size_t k = 0; k < QB_ARRAY_SIZE(kinds); k++) {
		if (!qb_outcome_count(&status->kept, kinds[k].restored))
			continue;
		printf("%s:\n", kinds[k].heading);
		if (qb_outcome_print(stdout, &status->kept, kinds[k].restored, &err) < 0)
			return qb_query_fail(&err);
	}
	return states[status->state].status;
}

int qb_cmd_status(struct qb_cli *cli)
{
	_cleanup_(status_free) struct status status = {0};
	struct qb_error err = {0};

	if (look(&status, &err) < 0) {
		status.state = STATE_UNKNOWN;
		status.why = err;
	}
	return qb_option_given(&cli->options, JSON) ? print_json(&status) : print_text(&status);
}
