/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.h */
#include "watch.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>
#include <quietbench/protocol.h>

_Static_assert(QB_SWITCHES_SEEN == QB_RUNNERS_MAX, "a message has room for all that are known");

int qb_watcher_begin(struct qb_watcher *watcher, const struct qb_selection *selection, pid_t pid,
	struct qb_error *err)
{
	const size_t n = qb_cpus_count(&selection->bench);

	qb_watcher_end(watcher);
	if (n > QB_WATCHER_CPUS)
		return qb_error_set(
			err, E2BIG, "more than %d CPUs are not watched", QB_WATCHER_CPUS);
	watcher->of = calloc(n + 1, sizeof(*watcher->of));
	if (!watcher->of)
		return qb_error_errno(err, ENOMEM, "watch the benchmark's CPUs");
	qb_task_keep_off(selection);
	qb_cpus_foreach (cpu, &selection->bench) {
		struct qb_switches *switches = &watcher->of[watcher->n].switches;
		int r = qb_switches_open(switches, cpu, err);

		if (r < 0) {
			qb_watcher_end(watcher);
			return r;
		}
		watcher->of[watcher->n++].cpu = cpu;
		qb_switches_follow(switches, pid);
	}
	return 0;
}

void qb_watcher_tick(struct qb_watcher *watcher)
{
	for (size_t i = 0; i < watcher->n; i++)
		qb_switches_drain(&watcher->of[i].switches);
}

static struct qb_seen describe(const struct qb_runner *runner, uid_t uid, bool names)
{
	const bool named =
		names || runner->own || runner->uid == uid || qb_task_is_kernel(runner->pid);
	struct qb_seen seen = {.own = runner->own,
		.ns = runner->ns,
		.waited = runner->waited,
		.times = runner->times};

	seen.pid = named ? runner->pid : 0;
	seen.tid = named ? runner->tid : 0;
	qb_text_copy(seen.comm, sizeof(seen.comm), named ? runner->comm : "another user's process");
	return seen;
}

int qb_watcher_tell(struct qb_watcher *watcher, int session, int64_t until_ns, uid_t uid,
	bool names, struct qb_error *err)
{
	static struct qb_switches_message message;

	for (size_t i = 0; i < watcher->n; i++) {
		struct qb_switches *switches = &watcher->of[i].switches;

		qb_switches_end(switches, until_ns);
		message = (struct qb_switches_message){.cpu = watcher->of[i].cpu,
			.n = (uint32_t)switches->n,
			.rest_ns = switches->rest_ns,
			.lost = switches->lost};
		for (size_t j = 0; j < switches->n; j++)
			message.seen[j] = describe(&switches->v[j], uid, names);
		if (qb_message_send(session, QB_MSG_SWITCHES, &message, sizeof(message), NULL, 0) <
			0)
			return qb_error_set(err, EPIPE, "the client is gone");
	}
	return 0;
}

void qb_watcher_end(struct qb_watcher *watcher)
{
	for (size_t i = 0; i < watcher->n; i++)
		qb_switches_close(&watcher->of[i].switches);
	free(watcher->of);
	*watcher = (struct qb_watcher){0};
}
