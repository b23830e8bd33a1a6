/* SPDX-License-Identifier: GPL-2.0-or-later */
/* execute.h */
#include <base/clock.h>
#include <base/macros.h>
#include <client/child.h>
#include <client/execute.h>
#include <client/require.h>
#include <client/say.h>
#include <errno.h>
#include <host/tasks.h>
#include <quietbench/lever.h>
#include <sys/wait.h>

/* One execution on its way. */
struct execution {
	struct qb_condition *condition;
	const struct qb_execute_order *order;
	struct qb_session *session; /* the session that places the command; NULL: none */
	struct qb_child child;
	struct qb_child_end end;
	bool is_watched, lent; /* lent: the helper sees who runs on the CPUs */
	struct qb_watch watch;
};

/* Of many in a row each is born where the benchmark is; who is alone needs nobody who stays there. */
static int start(struct execution *e, const struct qb_child_order *order, struct qb_child *ret,
	struct qb_error *err)
{
	struct qb_condition *condition = e->condition;

	return e->order->repeated ? qb_forker_place(&condition->forker, ret, order, e->session,
					    &condition->answer, err)
				  : qb_child_place(ret, order, e->session, &condition->answer, err);
}

static int run_probe(void *data)
{
	return qb_probe_loops(data);
}

/*
 * What the CPUs give now: the command is yet to be placed, or has ended. Where another run's command is
 * there is no probe.
 */
static int probe(struct execution *e, struct qb_probe *ret, struct qb_error *err)
{
	struct qb_condition *condition = e->condition;
	struct qb_answer *answer = &condition->answer;
	const struct qb_child_order order = {.run = run_probe,
		.data = &condition->probe,
		.job = &condition->job,
		.answer = answer};
	struct qb_child child;
	int r;

	qb_probe_reset(&condition->probe);
	r = start(e, &order, &child, err);
	if (r == 0)
		r = qb_child_begin(&child, e->session, answer, err);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR)
		;
	return qb_probe_finish(&condition->probe, ret, err);
}

/* The command's process, on its CPUs and held before exec. */
static int place(struct execution *e, struct qb_error *err)
{
	struct qb_child_order order = {.path = e->order->path,
		.argv = e->order->argv,
		.out = e->order->out,
		.errors = e->order->errors,
		.job = &e->condition->job,
		.answer = &e->condition->answer};

	qb_job_watch(&e->condition->job);
	return start(e, &order, &e->child, err);
}

/* It sets its own levers; what is required of them holds, or it does not run. */
static int prepare(struct execution *e, struct qb_error *err)
{
	struct qb_condition *condition = e->condition;
	int r = qb_child_prepare(&e->child, &condition->answer.steps, err);

	if (r == 0 && e->order->prepared)
		e->order->prepared(condition);
	if (r == 0)
		r = qb_require_judge(&condition->asked.request, &condition->answer, err);
	if (r == 0)
		r = qb_condition_interrupted(condition, err);
	if (r < 0)
		qb_child_cancel(&e->child);
	return r;
}

/* A command that cannot be watched is run all the same. */
static void begin_watch(struct execution *e)
{
	const struct qb_selection *selection = &e->condition->answer.selection;
	const struct qb_watch_order order = {.cpus = selection->bench,
		.child = e->child.pid,
		.recorded = e->order->recorded,
		.interval_ns = e->order->interval_ns ? e->order->interval_ns : QB_WATCH_INTERVAL};
	struct qb_error err = {0};

	qb_task_keep_off(selection);
	e->is_watched = qb_watch_begin(&e->watch, &order, &err) == 0;
	if (!e->is_watched)
		qb_say(QB_SAY_DETAIL, "the run is not watched: %s", err.text);
	else if ((e->watch.unseen == -EACCES || e->watch.unseen == -EPERM) && e->session)
		e->lent = qb_session_watch(e->session, &e->condition->answer, &err) == 0;
}

/* From the release to the end. */
static int run(struct execution *e, struct qb_result *ret, struct qb_error *err)
{
	int r;

	ret->started_at = qb_ns_now(CLOCK_REALTIME);
	r = qb_child_release(&e->child, err);
	return r < 0 ? r
		     : qb_child_wait(&e->child, &e->condition->job, e->session,
			       e->is_watched ? &e->watch : NULL, &e->end, err);
}

static void lend(void *data, const struct qb_switches_message *message)
{
	qb_watch_lend(data, message);
}

/* What the helper saw of it is told by the helper. */
static void end_watch(struct execution *e)
{
	const int64_t started_ns = e->child.started_ns;
	struct qb_error err = {0};

	qb_watch_end(&e->watch, started_ns, e->end.wall_ns);
	if (e->lent)
		e->watch.by_switches = qb_session_switches(e->session, started_ns + e->end.wall_ns,
					       lend, &e->watch, &e->condition->answer, &err) == 0;
}

static int64_t ns(const struct timeval *tv)
{
	return ((int64_t)tv->tv_sec * 1000000 + tv->tv_usec) * 1000;
}

/* How it ended, and what it used. */
static void account(const struct execution *e, struct qb_result *ret)
{
	const struct qb_selection *selection = &e->condition->answer.selection;
	const struct qb_child_end *end = &e->end;
	const bool killed = WIFSIGNALED(end->status);

	ret->code = killed ? -1 : WEXITSTATUS(end->status);
	ret->signal = killed ? WTERMSIG(end->status) : 0;
	ret->used.wall_ns = end->wall_ns;
	ret->used.user_ns = ns(&end->usage.ru_utime);
	ret->used.sys_ns = ns(&end->usage.ru_stime);
	ret->used.max_rss_kib = end->usage.ru_maxrss;
	ret->used.voluntary_switches = end->usage.ru_nvcsw;
	ret->used.involuntary_switches = end->usage.ru_nivcsw;
	ret->used.minor_faults = end->usage.ru_minflt;
	ret->used.major_faults = end->usage.ru_majflt;
	ret->cpus = qb_cpus_count(&selection->bench);
	ret->most = selection->most;
	ret->unspread = selection->unspread;
}

/* Does its memory come from some of the host's nodes only? */
static bool is_bound(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if (step->lever == QB_LEVER_PROCESS_NUMA && step->status == QB_STATUS_APPLIED)
			return strcmp(step->wanted, "bind") == 0;
	}
	return false;
}

/* The verdict. The details move from the watch, which ends here, to the result. */
static void judge(struct execution *e, struct qb_result *ret)
{
	struct qb_watch *watch = &e->watch;
	const struct qb_setting *set = e->condition->answer.profile.set;
	const struct qb_probe none = {0}, *usual = e->order->usual ? e->order->usual : &none;
	const struct qb_watch_terms terms = {.used_ns = ret->used.user_ns + ret->used.sys_ns,
		.max_preempted = set[QB_KEY_CHECK_MAX_PREEMPTED].number,
		.max_speed = set[QB_KEY_CHECK_MAX_SPEED_DEVIATION].number,
		.guest = e->condition->answer.host.guest,
		.killed = ret->signal == SIGKILL || ret->code == 128 + SIGKILL,
		.bound = is_bound(&e->condition->answer.steps),
		.probes = {.known = ret->before.n && ret->after.n,
			.before = qb_probe_slower(usual, &ret->before),
			.after = qb_probe_slower(usual, &ret->after),
			.between = qb_probe_slower(&ret->before, &ret->after)},
		.noisy_before = e->order->noisy_before};

	if (!e->is_watched)
		return;
	qb_watch_judge(watch, &terms, &ret->watched);
	ret->is_watched = true;
	ret->used.wall_ns = ret->watched.wall_ns;
	ret->noise = ret->watched.noise;
	ret->switches = "ticks";
	if (qb_watcher_is_open(&watch->watcher))
		ret->switches = "perf";
	else if (watch->watcher.lent)
		ret->switches = "helper";
	ret->steal_known = watch->steal_known;
	ret->interval_ns = watch->interval_ns;
	ret->samples = watch->samples;
	ret->n_samples = watch->n_samples;
	ret->tally = watch->tally;
	watch->samples = NULL;
	watch->tally = (struct qb_tally){0};
}

int qb_execute(struct qb_condition *condition, const struct qb_execute_order *order,
	struct qb_result *ret, struct qb_error *err)
{
	struct execution e = {
		.condition = condition, .order = order, .session = qb_condition_placer(condition)};
	struct qb_error unprobed = {0};
	int r;

	*ret = (struct qb_result){.argv = order->argv};
	if (order->before && order->before->n) {
		ret->before = *order->before;
		*order->before = (struct qb_probe){0};
	}
	r = order->probe_ns && !condition->probe.n
		    ? qb_probe_prepare(&condition->probe, &condition->answer.selection.bench,
			      order->probe_ns, err)
		    : 0;
	if (r == 0 && order->probe_ns && !ret->before.n)
		r = probe(&e, &ret->before, err);
	if (r == 0)
		r = place(&e, err);
	if (r == 0)
		r = prepare(&e, err);
	if (r < 0)
		return r;
	begin_watch(&e);
	r = run(&e, ret, err);
	if (r == 0 && e.is_watched)
		end_watch(&e);
	if (r == 0) {
		/* The command has run: without the second probe it has its verdict all the same. */
		if (order->probe_ns && probe(&e, &ret->after, &unprobed) < 0)
			qb_say(QB_SAY_DETAIL, "no probe after the command: %s", unprobed.text);
		account(&e, ret);
		judge(&e, ret);
	}
	qb_watch_free(&e.watch);
	return r;
}

void qb_result_free(struct qb_result *result)
{
	qb_tally_free(&result->tally);
	free(result->samples);
	qb_probe_free(&result->before);
	qb_probe_free(&result->after);
	*result = (struct qb_result){0};
}
