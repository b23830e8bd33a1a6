/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: the measurement. */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/noise.h>
#include <client/child.h>
#include <client/say.h>
#include <errno.h>
#include <noise/hard.h>
#include <quietbench/lever.h>
#include <sys/wait.h>

void qb_noise_limits_of(const struct qb_profile *profile, struct qb_noise_limits *ret)
{
#define X(id, name, key, ...) ret->of[QB_NOISE_##id##_METRIC] = profile->set[QB_KEY_##key].number;
	QB_NOISE_METRICS(X)
#undef X
}

int qb_noise_limits_named(const char *name, struct qb_noise_limits *ret)
{
	static const char *const names[] = {"ci", "bare", "lab"};
	static const int64_t table[QB_NOISE_METRIC_COUNT][3] = {
#define X(id, name, key, ci, bare, lab, text) {ci, bare, lab},
		QB_NOISE_METRICS(X)
#undef X
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0) {
			for (int m = 0; m < QB_NOISE_METRIC_COUNT; m++)
				ret->of[m] = table[m][i];
			return 0;
		}
	return -EINVAL;
}

struct loops {
	struct qb_measure *measure;
	struct qb_condition *condition;
	struct qb_session *session; /* NULL: none */
	bool lent;		    /* the helper sees who runs on the CPUs */
};

static int run_loops(void *data)
{
	return qb_measure_loops(data);
}

static bool shows_progress(void)
{
	return qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE);
}

/* Once a second; a measurement that is over in two needs none. */
static bool progress(void *data, int64_t now_ns, int64_t end_ns)
{
	const struct loops *loops = data;
	const bool new_second =
		now_ns / QB_NS_PER_S != (now_ns - QB_VERDICT_WINDOW_NS) / QB_NS_PER_S;

	if (new_second && now_ns < end_ns && end_ns > 2 * QB_NS_PER_S && shows_progress())
		fprintf(stderr, "\rmeasuring: %2d of at most %d s ", (int)(now_ns / QB_NS_PER_S),
			(int)(end_ns / QB_NS_PER_S));
	return !qb_job_interrupted(&loops->condition->job);
}

/* Where this process may not see the switches, the helper sees them for it. */
static void begun(void *data)
{
	struct loops *loops = data;

	if (loops->session && !qb_watcher_knows(&loops->measure->watcher))
		loops->lent =
			qb_session_watch(loops->session, &loops->condition->answer, NULL) == 0;
}

static void lend(void *data, const struct qb_switches_message *message)
{
	qb_watcher_lend(data, message);
}

static int borrow_switches(const struct loops *loops, struct qb_error *err)
{
	struct qb_measure *m = loops->measure;

	return qb_session_switches(loops->session, m->of[0].loop->started_ns + m->ns, lend,
		&m->watcher, &loops->condition->answer, err);
}

static int measure(struct loops *loops, struct qb_error *err)
{
	struct qb_measure *m = loops->measure;
	struct qb_answer *answer = &loops->condition->answer;
	const struct qb_child_order order = {
		.run = run_loops, .data = m, .job = &loops->condition->job, .answer = answer};
	struct qb_child child;
	int r = qb_measure_prepare(m, err);

	if (r == 0)
		r = qb_child_place(&child, &order, loops->session, answer, err);
	if (r == 0)
		r = qb_child_begin(&child, loops->session, answer, err);
	if (r < 0)
		return r;
	r = qb_measure_watch(m, child.pid, err);
	if (r == 0 && loops->lent)
		r = borrow_switches(loops, err);
	if (r == 0 && m->detect.runs && !qb_hard_any(m))
		r = qb_detect_judge(m, err);
	while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (shows_progress())
		fputs("\r\033[K", stderr);
	return r < 0 ? r : qb_causes_attribute(m, err);
}

int qb_noise_measure(struct qb_measure *m, struct qb_condition *condition, struct qb_error *err)
{
	const struct qb_selection *selection = &condition->answer.selection;
	struct loops loops = {
		.measure = m, .condition = condition, .session = qb_condition_placer(condition)};
	int r;

	m->cpus = selection->bench;
	m->guest = condition->answer.host.guest;
	for (size_t i = 0; i < condition->answer.steps.n; i++) {
		const struct qb_step *step = &condition->answer.steps.v[i];

		if (step->wanted &&
			(step->status == QB_STATUS_APPLIED || step->status == QB_STATUS_UNCHANGED))
			m->applied[qb_levers[step->lever].key] = true;
	}
	/* Else the conditioned host keeps us off, and the helper looks after our mask. */
	if (selection->isolation == QB_ISOLATION_NONE && qb_cpus_empty(&selection->offline))
		m->housekeeping = selection->housekeeping;
	m->progress = progress;
	m->begun = begun;
	m->data = &loops;
	r = measure(&loops, err);
	m->data = NULL; /* the loops are no more */
	return r;
}
