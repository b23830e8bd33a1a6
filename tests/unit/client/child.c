/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the command's process while it is held. All else of it: tests/cli/run.t, jobs.t and terminal.t. */
#include <client/child.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* As quietbench does it: `true` is held, gets the signal, and is released. */
static _Noreturn void be_client(int signal)
{
	static struct qb_answer answer;
	char *argv[] = {"true", NULL};
	struct qb_job job;
	struct qb_child child;
	struct qb_child_end end;
	const struct qb_child_order order = {
		.path = "/bin/true", .argv = argv, .job = &job, .answer = &answer};

	setpgid(0, 0); /* a job of its own, of a shell that lives */
	if (qb_job_begin(&job, NULL) < 0 ||
		qb_child_place(&child, &order, NULL, &answer, NULL) < 0 ||
		qb_child_prepare(&child, NULL, NULL) < 0)
		_exit(2);
	kill(child.pid, signal);
	if (qb_child_release(&child, NULL) < 0 ||
		qb_child_wait(&child, &job, NULL, NULL, &end, NULL) < 0)
		_exit(3);
	_exit(WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 4);
}

/* Its shell sees the job stop, and continues it. */
static void test_stopped_before_exec(void **state)
{
	static const int signals[] = {SIGTSTP, SIGSTOP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		const pid_t client = fork();
		int status;

		if (client == 0)
			be_client(signals[i]);
		assert_int_equal(waitpid(client, &status, WUNTRACED), client);
		assert_true(WIFSTOPPED(status));
		assert_int_equal(WSTOPSIG(status), SIGTSTP);
		assert_int_equal(kill(-client, SIGCONT), 0);
		assert_int_equal(waitpid(client, &status, WUNTRACED), client);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stopped_before_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
