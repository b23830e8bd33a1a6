/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the planner, gathering answers (planner.h). */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/planner.h>
#include <client/spawn.h>
#include <errno.h>
#include <limits.h>
#include <quietbench/lever.h>
#include <sys/socket.h>
#include <sys/wait.h>

void qb_answer_free(struct qb_answer *answer)
{
	qb_steps_free(&answer->steps);
	free(answer->pus);
	*answer = (struct qb_answer){0};
}

static int take_pus(struct qb_answer *answer, const struct qb_pus *pus, struct qb_error *err)
{
	struct qb_pu *grown = realloc(answer->pus, (answer->n_pus + pus->n) * sizeof(*grown));

	if (!grown)
		return qb_error_errno(err, ENOMEM, "remember the CPUs");
	memcpy(grown + answer->n_pus, pus->pus, pus->n * sizeof(*grown));
	answer->pus = grown;
	answer->n_pus += pus->n;
	return 0;
}

/* Answers list the steps in nearly the same order: the search goes on where the last one ended. */
static struct qb_step *find_from(
	const struct qb_steps *steps, size_t n, const struct qb_step *like, size_t *hint)
{
	for (size_t i = 0; i < n; i++) {
		struct qb_step *step = &steps->v[(*hint + i) % n];

		if (step->lever == like->lever && qb_unit_equal(&step->unit, &like->unit)) {
			*hint = (*hint + i + 1) % n;
			return step;
		}
	}
	return NULL;
}

/* A recovery has its steps from the journal, as they were before the writes: only the dead monitor's
 * answer tells what came of these. */
static void keep_outcome(struct qb_step *step, const struct qb_step *earlier)
{
	if (step->status != QB_STATUS_PLANNED)
		return;
	step->status = earlier->status;
	if (!step->reason)
		step->reason = earlier->reason;
}

static int take_steps(struct qb_answer *answer, const struct qb_message *message, bool known,
	struct qb_error *err)
{
	struct qb_steps *steps = &answer->steps;
	const size_t old = steps->n;
	size_t end = old, hint = 0;
	int r = qb_message_read_steps(message, steps);

	if (r < 0)
		return qb_error_errno(err, -r, "understand the steps");
	for (size_t i = old; i < steps->n; i++) {
		struct qb_step added = steps->v[i];
		struct qb_step *first = known ? find_from(steps, old, &added, &hint) : NULL;

		/* What became of the benchmark's own process only we know. */
		if (first && qb_levers[added.lever].where == QB_LEVER_CHILD)
			continue;
		if (first)
			keep_outcome(&added, first);
		*(first ? first : &steps->v[end++]) = added;
	}
	steps->n = end;
	return 0;
}

int qb_answer_take(struct qb_answer *answer, const struct qb_message *message, bool steps_known,
	struct qb_error *err)
{
	enum qb_message_type type = message->head.type;

	switch (type) {
	case QB_MSG_PROFILE: answer->profile = message->profile.profile; return 0;
	case QB_MSG_HOST: answer->host = message->host; return 0;
	case QB_MSG_PU: return take_pus(answer, &message->pus, err);
	case QB_MSG_SELECTION: answer->selection = message->selection.selection; return 0;
	case QB_MSG_STEP: return take_steps(answer, message, steps_known, err);
	case QB_MSG_DONE: answer->done = message->done; return 1;
	case QB_MSG_ERROR:
		return qb_error_set(err, message->error.code > 0 ? message->error.code : EIO, "%s",
			message->error.text);
	case QB_MSG_POLICY: answer->policy = message->policy.policy; return 0;
	case QB_MSG_HELLO:
	case QB_MSG_PLAN:
	case QB_MSG_APPLY:
	case QB_MSG_RUN:
	case QB_MSG_PLACE:
	case QB_MSG_RESTORE:
	case QB_MSG_BYE:
	case QB_MSG_LEASE:
	case QB_MSG_JOIN:
	case QB_MSG_NOTE:
	case QB_MSG_LEFTOVER:
	case QB_MSG_BORN:
	case QB_MSG_WATCH:
	case QB_MSG_SWITCHES:
	case QB_MSG_FOLLOW:
	case QB_MSG_ASK:
	case QB_MSG_TOLD:
	case QB_MSG_JOINED:
	case QB_MSG_NONE:
	case QB_MSG_END: break;
	}
	return qb_error_set(
		err, EBADMSG, "%s where an answer was expected", qb_messages[type].name);
}

/* Why there was no answer: a planner that could not start, or died. */
static int explain_end(int status, int said, struct qb_error *err)
{
	char why[QB_TEXT_MAX];

	if (WIFSIGNALED(status))
		return qb_error_set(err, EIO, "the planner died of signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	qb_file_read_said(said, why, sizeof(why));
	if (WEXITSTATUS(status) == QB_NOT_EXECUTED && *why)
		return qb_error_set(err, ENOEXEC, "the planner could not be executed: %s", why);
	return qb_error_set(
		err, EIO, "the planner ended with status %d and no answer", WEXITSTATUS(status));
}

/* 1: the planner ended without an answer. */
static int gather(
	int fd, const struct qb_asked *asked, struct qb_answer *answer, struct qb_error *err)
{
	struct qb_request request = asked->request;
	struct qb_message message;
	int r = qb_message_send(
		fd, QB_MSG_PLAN, &request, sizeof(request), asked->fds, asked->n_fds);

	if (r < 0 && r != -EPIPE)
		return qb_error_errno(err, -r, "ask the planner");
	while (true) {
		r = qb_message_receive(fd, QB_SENDER_PLANNER, &message, err);
		if (r == 0 || r == -ECONNRESET)
			return 1;
		if (r < 0)
			return r;
		qb_message_close(&message);
		r = qb_answer_take(answer, &message, false, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

/* One execution of the planner. */
static int ask(
	char *planner, const struct qb_asked *asked, struct qb_answer *answer, struct qb_error *err)
{
	char *const argv[] = {planner, NULL};
	_cleanup_close_ int said = -1;
	int pair[2], fd, status = 0, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for the planner's stderr");
	said = pair[0];
	r = qb_spawn_start(&(const struct qb_spawn){.argv = argv, .clean = true, .said = pair[1]},
		&fd, &pid, err);
	close(pair[1]);
	if (r < 0)
		return r;
	r = gather(fd, asked, answer, err);
	close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r > 0 ? explain_end(status, said, err) : r;
}

int qb_planner_ask(struct qb_asked *asked, struct qb_answer *ret, struct qb_error *err)
{
	char planner[PATH_MAX];
	int r = qb_spawn_find("quietbench-planner", planner, sizeof(planner), err);

	if (r < 0)
		return r;
	while (true) {
		struct qb_answer answer = {0};
		struct qb_error error = {0}, missing = {0};

		r = ask(planner, asked, &answer, &error);
		if (r == 0) {
			*ret = answer;
			return 0;
		}
		/* A PROFILE with a name and no file is one that the planner did not find. */
		if (r == -ENOENT && answer.profile.name[0] && !answer.profile.file[0] &&
			asked->request.n_files > 0)
			r = qb_request_attach(asked, answer.profile.name, &missing);
		qb_answer_free(&answer);
		if (r < 0) {
			*err = missing.code && missing.code != ENOENT ? missing : error;
			return r;
		}
	}
}
