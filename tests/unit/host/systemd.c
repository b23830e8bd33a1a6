/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench-bus as a program that lies, falls silent, dies or cannot be executed: whoever asked hears why, and never
 * that a unit is gone; the next question has a fresh one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "../fake_program.h"
#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <host/logind.h>
#include <host/systemd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifdef HAVE_SYSTEMD

#define UNIT "cron.service"

/* What is answered, one after the other; shared with the children. */
static struct answers {
	int asked;
	struct answer {
		enum { END, TOLD, ERROR, WRONG, SHORT, SAY } how;
		int code;
		const char *text;
	} of[4];
	struct qb_ask last;
} * script;
static struct qb_error err;

static int send_answer(int socket, const struct answer *answer)
{
	struct qb_told told = {.yes = 1, .n = UINT32_MAX};
	struct qb_error error = {.code = answer->code};

	switch (answer->how) {
	case END: break;
	case TOLD:
		memset(told.name, 'x', sizeof(told.name)); /* without an end */
		memset(told.timers, 'x', sizeof(told.timers));
		return qb_message_send(socket, QB_MSG_TOLD, &told, sizeof(told), NULL, 0);
	case ERROR:
		snprintf(error.text, sizeof(error.text), "%s", answer->text);
		return qb_message_send_error(socket, &error);
	case WRONG: return qb_message_send_done(socket, QB_MSG_ASK);
	case SHORT: return qb_message_send(socket, QB_MSG_TOLD, &told, sizeof(told) - 1, NULL, 0);
	case SAY: fprintf(stderr, "%s\n", answer->text);
	}
	return -1;
}

static int answer(int socket)
{
	static struct qb_message message;

	while (qb_message_receive(socket, QB_SENDER_CLIENT, &message, NULL) > 0) {
		script->last = message.ask;
		if (send_answer(socket, &script->of[script->asked++]) < 0)
			return 1;
	}
	return 0;
}

static int begin(void **state)
{
	if (!script)
		script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* The one of the test before ends. */
	*script = (struct answers){.of = {{.how = END}}};
	run_program = answer;
	(void)qb_systemd_settle(UNIT, NULL);
	*script = (struct answers){0};
	programs_started = 0;
	err = (struct qb_error){0};
	return 0;
}

static void assert_fails(int r, int code, const char *why)
{
	assert_int_equal(r, -code);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	err = (struct qb_error){0};
}

static void what_is_told_is_within_bounds(void **state)
{
	struct qb_systemd_timer timers[8];
	char name[QB_SYSTEMD_NAME];
	bool active = false;
	size_t n;

	script->of[0].how = script->of[1].how = script->of[2].how = TOLD;
	assert_int_equal(qb_systemd_active(UNIT, &active, &err), 0);
	assert_true(active);
	assert_string_equal(script->last.name, UNIT);
	assert_int_equal(qb_systemd_id(UNIT, name, sizeof(name), &err), 0);
	assert_int_equal(strlen(name), sizeof(name) - 1);
	memset(timers, 0, sizeof(timers));
	assert_int_equal(qb_systemd_timers(1, timers, QB_ARRAY_SIZE(timers), &n, &err), 0);
	assert_int_equal(n, UINT32_MAX);
	assert_int_equal(strlen(timers[QB_TOLD_TIMERS - 1].name), QB_SYSTEMD_NAME - 1);
	assert_string_equal(timers[QB_TOLD_TIMERS].name, "");
	assert_int_equal(programs_started, 1);
}

static void what_it_says_is_passed_on(void **state)
{
	script->of[0] = (struct answer){ERROR, ESRCH, "no such unit"};
	assert_fails(qb_systemd_start(UNIT, &err), ESRCH, "no such unit");
	script->of[1] = (struct answer){ERROR, -7, "a code\nthat is none\033[2J"};
	assert_fails(qb_systemd_start(UNIT, &err), EIO, "a code?that is none?[2J");
	script->of[2] = (struct answer){ERROR, 1 << 20, "x"};
	assert_fails(qb_systemd_start(UNIT, &err), EIO, "x");
	assert_int_equal(programs_started, 1);
}

static void a_liar_is_ended(void **state)
{
	script->of[0].how = WRONG;
	assert_fails(qb_systemd_stop(UNIT, &err), EPROTO, "quietbench-bus may not send DONE");
	script->of[1].how = SHORT;
	assert_fails(qb_systemd_stop(UNIT, &err), EBADMSG, "a message of type");
	script->of[2].how = TOLD;
	assert_int_equal(qb_systemd_stop(UNIT, &err), 0);
	assert_int_equal(programs_started, 3);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* one child is left, and it lives */
}

static void one_that_dies_is_replaced(void **state)
{
	script->of[0].how = END;
	assert_fails(qb_systemd_settle(UNIT, &err), EPIPE, "quietbench-bus: it died");
	script->of[1] = (struct answer){SAY, 0, "libsystemd.so.0: cannot open\nshared object"};
	assert_fails(qb_systemd_settle(UNIT, &err), ENOTSUP,
		"systemd cannot be asked: quietbench-bus: libsystemd.so.0: cannot open");
	script->of[2].how = TOLD;
	assert_int_equal(qb_systemd_settle(UNIT, &err), 0);
	assert_int_equal(programs_started, 3);
}

/* A bus that was restarted during a long session must not cost its restore. */
static void a_lost_bus_is_sought_once_more(void **state)
{
	script->of[0].how = TOLD;
	script->of[1] = (struct answer){ERROR, ENOTCONN, "it was closed"};
	script->of[2].how = TOLD;
	assert_int_equal(qb_systemd_stop(UNIT, &err), 0);
	assert_int_equal(qb_systemd_stop(UNIT, &err), 0);
	assert_int_equal(programs_started, 2);
	/* Nothing is asked for ever, and who held what it is to let go of has ended. */
	script->asked = 0;
	script->of[0] = script->of[1] = script->of[2] =
		(struct answer){ERROR, ENOTCONN, "no such file"};
	assert_fails(qb_systemd_stop(UNIT, &err), ENOTCONN, "no such file");
	assert_int_equal(programs_started, 3);
	assert_int_equal(qb_logind_inhibit(false, &err), 0);
	assert_int_equal(programs_started, 4);
}

/* A joined run's monitor is a child of the session's, whose descriptors it closes. */
static void a_child_has_one_of_its_own(void **state)
{
	bool inhibited = false;
	int status;
	pid_t pid;

	script->of[0].how = script->of[1].how = script->of[2].how = TOLD;
	assert_int_equal(qb_logind_inhibited(&inhibited, &err), 0);
	pid = fork();
	if (pid == 0)
		_exit(qb_logind_inhibit(true, &err) == 0 && programs_started == 2 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(script->last.on, 1);
	assert_int_equal(qb_logind_inhibit(false, &err), 0);
	assert_int_equal(programs_started, 1);
}

static void a_scope_comes_with_all_of_its_limits(void **state)
{
	struct qb_cpus cpus = {0};
	struct qb_systemd_limits limits = {1, 2, 3, 4, 5, 6, 7, cpus, &cpus};

	qb_cpus_add(&cpus, 77);
	qb_cpus_add(&limits.nodes, 3);
	script->of[0].how = TOLD;
	assert_int_equal(qb_systemd_start_scope("a.scope", "a.slice", 812, &limits, &err), 0);
	assert_string_equal(script->last.name, "a.scope");
	assert_string_equal(script->last.slice, "a.slice");
	assert_int_equal(script->last.pid, 812);
	assert_int_equal(script->last.memory_max, 1);
	assert_int_equal(script->last.memory_high, 2);
	assert_int_equal(script->last.swap_max, 3);
	assert_int_equal(script->last.tasks_max, 4);
	assert_int_equal(script->last.cpu_usec, 5);
	assert_int_equal(script->last.cpu_weight, 6);
	assert_int_equal(script->last.io_weight, 7);
	assert_true(qb_cpus_equal(&script->last.nodes, &limits.nodes));
	assert_true(script->last.confined && qb_cpus_equal(&script->last.cpus, &cpus));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_told_is_within_bounds),
		TEST(what_it_says_is_passed_on),
		TEST(a_liar_is_ended),
		TEST(one_that_dies_is_replaced),
		TEST(a_lost_bus_is_sought_once_more),
		TEST(a_child_has_one_of_its_own),
		TEST(a_scope_comes_with_all_of_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void it_says_what_to_install(void **state)
{
	struct qb_error why = {0};
	bool active;

	assert_int_equal(qb_systemd_active("cron.service", &active, &why), -ENOTSUP);
	assert_non_null(strstr(why.text, "libsystemd-dev"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_what_to_install)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
