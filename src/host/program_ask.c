/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.h: speaking to one that was started, and ending it. */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/program.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* From the end of its socket to its own. */
#define ENDING_MS 1000
/* One that somebody has stopped goes on as soon. */
#define STOPPED_MS 250

int qb_program_send(
	const struct qb_program *program, enum qb_message_type type, void *message, size_t size)
{
	return qb_message_send_now(program->socket, type, message, size, NULL, 0);
}

int qb_program_ended(const struct qb_program *program, char *said, size_t size)
{
	struct pollfd p = {.fd = program->pidfd, .events = POLLIN};
	siginfo_t how = {0};

	(void)poll(&p, 1, ENDING_MS);
	(void)waitid(P_PIDFD, (id_t)program->pidfd, &how, WEXITED | WNOHANG | WNOWAIT);
	qb_file_read_said(program->said, said, size);
	return how.si_code == CLD_EXITED ? QB_PROGRAM_EXITED + how.si_status : how.si_status;
}

/* What it said when it could not be executed, or a library not be loaded. */
static int explain_end(const struct qb_program *program, struct qb_error *err)
{
	char why[QB_TEXT_MAX];

	(void)qb_program_ended(program, why, sizeof(why));
	return *why ? qb_error_set(err, ENOTSUP, "%s", why) : qb_error_set(err, EPIPE, "it died");
}

int qb_program_await(const struct qb_program *program, enum qb_sender sender, int patience_ms,
	struct qb_message *ret, struct qb_error *err)
{
	const int64_t until = qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS + patience_ms;
	struct pollfd p = {.fd = program->socket, .events = POLLIN};
	int r;

	for (;;) {
		const int64_t left = until - qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS;

		r = poll(&p, 1, left <= 0 ? 0 : left < STOPPED_MS ? (int)left : STOPPED_MS);
		if (r > 0 || (r < 0 && errno != EINTR) || left <= 0)
			break;
		(void)syscall(SYS_pidfd_send_signal, program->pidfd, SIGCONT, NULL, 0);
	}
	if (r == 0)
		return qb_error_set(err, ETIMEDOUT, "no answer within %d s", patience_ms / 1000);
	r = qb_message_receive_now(program->socket, sender, ret, err);
	if (r > 0)
		qb_message_close(ret);
	return r == 0 || r == -ECONNRESET ? explain_end(program, err) : r < 0 ? r : 0;
}

void qb_program_end(struct qb_program *program)
{
	if (program->socket < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, program->pidfd, SIGKILL, NULL, 0);
	(void)waitid(P_PIDFD, (id_t)program->pidfd, NULL, WEXITED);
	close(program->socket);
	close(program->said);
	close(program->pidfd);
	*program = QB_PROGRAM_NONE;
}
