/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping, freezing and inhibiting, timers and desktops, against a stand-in for systemd and logind. Whether systemd
 * really does what these calls say, the guest with systemd shows (tests/vm).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <host/systemd.h>
#include <levers/irqs.h>
#include <levers/services.h>
#include <noise/findings.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_SYSTEMD
#include "../fake_program.h"
#include "../fake_systemd.h"
#include "../sandbox.h"
#include <bus/bus.h>

#define CRON "cron.service"

static bool sandboxed;
static struct qb_error err;
static char text[64];

static struct qb_unit unit_named(const char *name)
{
	struct qb_unit unit = qb_unit_none();

	snprintf(unit.name, sizeof(unit.name), "%s", name);
	return unit;
}

static int read_it(unsigned lever, const char *name)
{
	const struct qb_unit unit = unit_named(name);

	err = (struct qb_error){0};
	return qb_lever_read(lever, &unit, text, sizeof(text), &err);
}

static int write_it(unsigned lever, const char *name, const char *wanted)
{
	const struct qb_unit unit = unit_named(name);

	err = (struct qb_error){0};
	return qb_lever_write(lever, &unit, wanted, &err);
}

static int judge_it(unsigned lever, const char *name, const char *wanted)
{
	const struct qb_unit unit = unit_named(name);

	err = (struct qb_error){0};
	return qb_lever_judge(lever, &unit, wanted, &err);
}

static void assert_reads(unsigned lever, const char *name, const char *expected)
{
	if (read_it(lever, name) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, expected);
}

static void assert_writes(unsigned lever, const char *name, const char *wanted, const char *calls)
{
	it->log[0] = '\0';
	if (write_it(lever, name, wanted) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(it->log, calls);
}

static void assert_refused(int r, int code, const char *why)
{
	assert_int_equal(r, -code);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	assert_string_equal(it->log, "");
}

static pid_t one_that_died(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static int confine_nothing(struct qb_error *why)
{
	return 0;
}

static int serve_bus(int socket)
{
	return qb_bus_serve(socket, confine_nothing);
}

static int enter(void **state)
{
	run_program = serve_bus;
	it = mmap(NULL, sizeof(*it), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sandboxed = it != MAP_FAILED && sandbox_enter();
	return unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* A bus of its own for every test, with an active cron.service. */
static int begin(void **state)
{
	qb_services_spare(0);
	memset(it, 0, sizeof(*it));
	it->unit[0] = (struct fake_unit){.id = CRON, .active = "active", .freezer = "running"};
	if (!sandboxed)
		return 0;
	return sandbox_empty("/run") && mkdir("/run/dbus", 0755) == 0 && fake_start() ? 0 : -1;
}

static int end(void **state)
{
	fake_stop();
	return 0;
}

#define NEED_SANDBOX()                                                                             \
	if (!sandboxed)                                                                            \
	skip()

/* The first to ask in this process, as a recovery is. */
static void the_dead_are_waited_for(void **state)
{
	NEED_SANDBOX();
	it->dead = one_that_died();
	it->dead_looks = 3;
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "active");
	assert_true(it->dead_looks < 0);
}

static void a_unit_is_stopped_and_started(void **state)
{
	NEED_SANDBOX();
	assert_int_equal(judge_it(QB_LEVER_SERVICES_STOP, CRON, "inactive"), 0);
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "active");
	assert_writes(QB_LEVER_SERVICES_STOP, CRON, "inactive", "StopUnit " CRON ";");
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "inactive");
	assert_writes(QB_LEVER_SERVICES_STOP, CRON, "active", "StartUnit " CRON ";");
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "active");
}

/* The same for irqbalance, whose unit nobody names. */
static void irqbalance_is_stopped_and_started(void **state)
{
	NEED_SANDBOX();
	it->unit[1] = (struct fake_unit){.id = "irqbalance.service", .active = "active"};
	assert_true(
		sandbox_empty("/proc")); /* where an irqbalance of this machine's would be found */
	assert_int_equal(judge_it(QB_LEVER_IRQBALANCE_STOP, "", "active"), -EINVAL);
	assert_reads(QB_LEVER_IRQBALANCE_STOP, "", "active");
	assert_writes(QB_LEVER_IRQBALANCE_STOP, "", "inactive", "StopUnit irqbalance.service;");
	assert_reads(QB_LEVER_IRQBALANCE_STOP, "", "inactive");
	assert_writes(QB_LEVER_IRQBALANCE_STOP, "", "active", "StartUnit irqbalance.service;");
	assert_int_equal(umount("/proc"), 0);
}

static void what_is_under_way_is_waited_for(void **state)
{
	NEED_SANDBOX();
	it->unit[0].busy = 3;
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "active");
	assert_int_equal(it->unit[0].busy, 0);
	snprintf(it->unit[0].active, sizeof(it->unit[0].active), "failed");
	assert_reads(QB_LEVER_SERVICES_STOP, CRON, "inactive");
	/* A job that ends between two looks */
	it->unit[0].starts = 1;
	assert_writes(QB_LEVER_SERVICES_STOP, CRON, "active", "StartUnit " CRON ";");
	assert_int_equal(it->unit[0].starts, 0);
}

static void a_unit_that_is_not_here_needs_nothing(void **state)
{
	const struct qb_unit gone = unit_named("gone.timer"), there = unit_named(CRON);

	NEED_SANDBOX();
	it->unit[1] =
		(struct fake_unit){.id = "gone.timer", .not_found = true, .active = "inactive"};
	assert_int_equal(judge_it(QB_LEVER_SERVICES_STOP, "gone.timer", "inactive"), 0);
	assert_int_equal(qb_lever_exists(QB_LEVER_SERVICES_STOP, &gone, &err), -ESRCH);
	assert_string_equal(err.text, "no such unit on this host");
	assert_int_equal(qb_lever_exists(QB_LEVER_SERVICES_FREEZE, &gone, NULL), -ESRCH);
	assert_int_equal(qb_lever_exists(QB_LEVER_SERVICES_STOP, &there, NULL), 0);
}

static void what_would_not_come_back_is_not_stopped(void **state)
{
	struct fake_unit *cron = &it->unit[0];

	NEED_SANDBOX();
	cron->transient = true;
	assert_refused(write_it(QB_LEVER_SERVICES_STOP, CRON, "inactive"), EOPNOTSUPP, "no file");
	cron->transient = false;
	cron->no_start = true;
	assert_refused(write_it(QB_LEVER_SERVICES_STOP, CRON, "inactive"), EOPNOTSUPP, "by hand");
	cron->no_start = false;
	snprintf(cron->required_by, sizeof(cron->required_by), "mail.service");
	it->unit[1] = (struct fake_unit){.id = "mail.service", .active = "active"};
	assert_refused(write_it(QB_LEVER_SERVICES_STOP, CRON, "inactive"), EOPNOTSUPP,
		"mail.service would be stopped with it");
	snprintf(it->unit[1].active, sizeof(it->unit[1].active), "inactive");
	assert_writes(QB_LEVER_SERVICES_STOP, CRON, "inactive", "StopUnit " CRON ";");
}

static void some_units_are_left_alone(void **state)
{
	static const char *const kept[] = {"dbus.service", "dbus.socket", "dbus-broker.service",
		"systemd-logind.service", "systemd-journald-dev-log.socket", "ssh.service",
		"sshd.socket", "quietbench-helper@3.service"};
	static const char *const unfit[] = {
		"system.slice", "multi-user.target", "cron", "../cron.service", ""};

	NEED_SANDBOX();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_refused(judge_it(QB_LEVER_SERVICES_STOP, kept[i], "inactive"), EPERM,
			"left alone, because");
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, unfit[i], "frozen"), EINVAL,
			"expected a unit");
	assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, "init.scope", "frozen"), EPERM,
		"systemd itself");
	assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, "a.timer", "frozen"), EINVAL, ".scope");
	assert_refused(judge_it(QB_LEVER_SERVICES_STOP, "a.scope", "inactive"), EINVAL, ".timer");
	/* Nor by another name. */
	it->unit[1] = (struct fake_unit){.id = "ssh.service", .alias = "shell.service"};
	assert_refused(judge_it(QB_LEVER_SERVICES_STOP, "shell.service", "inactive"), EPERM,
		"nobody could log in");
	/* Nor does a plan start or thaw anything. */
	assert_int_equal(judge_it(QB_LEVER_SERVICES_STOP, CRON, "active"), -EINVAL);
	assert_int_equal(judge_it(QB_LEVER_SERVICES_FREEZE, CRON, "running"), -EINVAL);
}

static void nobody_saws_off_his_branch(void **state)
{
	char manager[32];

	NEED_SANDBOX();
	snprintf(manager, sizeof(manager), "user@%u.service", (unsigned)getuid());
	it->unit[1] = (struct fake_unit){.id = "session-3.scope", .alias = "runner.scope"};
	snprintf(it->unit[2].id, sizeof(it->unit[2].id), "%s", manager);
	snprintf(it->home, sizeof(it->home), "session-3.scope");
	assert_int_equal(judge_it(QB_LEVER_SERVICES_FREEZE, manager, "frozen"), 0);
	qb_services_spare(getpid());
	assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, "session-3.scope", "frozen"), EPERM,
		"started from inside it");
	assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, "runner.scope", "frozen"), EPERM,
		"started from inside it");
	assert_refused(judge_it(QB_LEVER_SERVICES_FREEZE, manager, "frozen"), EPERM,
		"started from inside it");
	assert_int_equal(judge_it(QB_LEVER_SERVICES_FREEZE, CRON, "frozen"), 0);
}

static void a_unit_is_frozen_and_thawed(void **state)
{
	NEED_SANDBOX();
	assert_reads(QB_LEVER_SERVICES_FREEZE, CRON, "running");
	assert_writes(QB_LEVER_SERVICES_FREEZE, CRON, "frozen", "FreezeUnit " CRON ";");
	assert_reads(QB_LEVER_SERVICES_FREEZE, CRON, "frozen");
	it->unit[0].busy = 5; /* systemd answers before it is done */
	assert_writes(QB_LEVER_SERVICES_FREEZE, CRON, "running", "ThawUnit " CRON ";");
	assert_reads(QB_LEVER_SERVICES_FREEZE, CRON, "running");
	assert_int_equal(it->unit[0].busy, 0);
}

static void what_cannot_be_frozen_says_why(void **state)
{
	NEED_SANDBOX();
	it->unit[0].no_freeze = true;
	assert_refused(read_it(QB_LEVER_SERVICES_FREEZE, CRON), EOPNOTSUPP, "cgroup v2");
	it->old = true;
	assert_refused(read_it(QB_LEVER_SERVICES_FREEZE, CRON), EOPNOTSUPP, "246");
	snprintf(it->unit[0].active, sizeof(it->unit[0].active), "inactive");
	assert_refused(read_it(QB_LEVER_SERVICES_FREEZE, CRON), ESRCH, "not active");
	assert_refused(read_it(QB_LEVER_SERVICES_FREEZE, "other.service"), ESRCH, "not active");
}

static void sleep_is_held_off(void **state)
{
	NEED_SANDBOX();
	assert_int_equal(judge_it(QB_LEVER_INHIBIT, "", QB_LOGIND_WHAT), 0);
	assert_reads(QB_LEVER_INHIBIT, "", "none");
	assert_writes(QB_LEVER_INHIBIT, "", QB_LOGIND_WHAT, "Inhibit ;");
	assert_reads(QB_LEVER_INHIBIT, "", QB_LOGIND_WHAT);
	assert_writes(QB_LEVER_INHIBIT, "", "none", "");
	assert_reads(QB_LEVER_INHIBIT, "", "none"); /* logind has not noticed yet */
	/* Another process' that lives, and one that died. */
	it->holder = child;
	assert_reads(QB_LEVER_INHIBIT, "", QB_LOGIND_WHAT);
	it->holder = one_that_died();
	assert_reads(QB_LEVER_INHIBIT, "", "none");
	it->no_logind = true;
	assert_refused(read_it(QB_LEVER_INHIBIT, ""), ENOENT, "logind does not run here");
}

static uint64_t in_us(clockid_t clock, int64_t us)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + us);
}

static void put_timer(int i, const char *id, const char *sub, uint64_t by_span, uint64_t by_date)
{
	it->unit[i] = (struct fake_unit){.by_span = by_span, .by_date = by_date};
	snprintf(it->unit[i].id, sizeof(it->unit[i].id), "%s", id);
	snprintf(it->unit[i].sub, sizeof(it->unit[i].sub), "%s", sub);
}

#define SECONDS(n) ((n)*INT64_C(1000000))

static void timers_are_told_with_their_time(void **state)
{
	struct qb_systemd_timer timers[2];
	size_t n;

	NEED_SANDBOX();
	put_timer(0, "late.timer", "waiting", 0, in_us(CLOCK_REALTIME, SECONDS(500)));
	put_timer(1, "both.timer", "waiting", in_us(CLOCK_MONOTONIC, SECONDS(900)),
		in_us(CLOCK_REALTIME, SECONDS(400)));
	put_timer(2, "soon.timer", "waiting", in_us(CLOCK_MONOTONIC, SECONDS(100)), UINT64_MAX);
	put_timer(3, "never.timer", "waiting", 0, UINT64_MAX);
	assert_int_equal(qb_systemd_timers(SECONDS(600), timers, 2, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(timers[0].name, "soon.timer");
	assert_true(timers[0].in_us > 0 && timers[0].in_us <= SECONDS(100));
	assert_string_equal(timers[1].name, "both.timer");
	assert_true(timers[1].in_us > SECONDS(100) && timers[1].in_us <= SECONDS(400));
	assert_int_equal(qb_systemd_timers(0, timers, 2, &n, &err), 0);
	assert_int_equal(n, 0);
	/* What is running has its last time still; what was missed is due at once. */
	put_timer(0, "late.timer", "running", 0, in_us(CLOCK_REALTIME, -SECONDS(5)));
	put_timer(2, "soon.timer", "waiting", 0, in_us(CLOCK_REALTIME, -SECONDS(5)));
	assert_int_equal(qb_systemd_timers(0, timers, 2, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(timers[0].name, "soon.timer");
	assert_int_equal(timers[0].in_us, 0);
}

static const struct qb_finding *find(enum qb_finding_id id)
{
	static const struct qb_host host;
	static const struct qb_selection chosen;
	static struct qb_findings findings;
	const struct qb_look here = {
		.root = "", .host = &host, .chosen = &chosen, .soon_ns = SECONDS(86400) * 1000};

	qb_findings_look(&here, &findings);
	return &findings.of[id];
}

static void assert_found(enum qb_finding_id id, const char *what)
{
	const struct qb_finding *finding = find(id);

	if (finding->state != QB_FINDING_FOUND || !strstr(finding->text, what))
		fail_msg("'%s' does not say '%s'", finding->text, what);
}

static void timers_are_worth_knowing(void **state)
{
	NEED_SANDBOX();
	assert_int_equal(find(QB_FINDING_TIMERS)->state, QB_FINDING_UNKNOWN); /* no systemd */
	assert_int_equal(mkdir("/run/systemd", 0755), 0);
	assert_int_equal(mkdir("/run/systemd/system", 0755), 0);
	assert_int_equal(find(QB_FINDING_TIMERS)->state, QB_FINDING_NOTHING);
	for (int i = 0; i < FAKE_UNITS; i++)
		put_timer(i, "some.timer", "waiting", 0,
			in_us(CLOCK_REALTIME, SECONDS(3600 * (3 + i) - 1)));
	assert_found(QB_FINDING_TIMERS,
		"some.timer in 179 min, some.timer in 239 min, some.timer in 299 min, 1 more;");
	assert_non_null(strstr(find(QB_FINDING_TIMERS)->advice, "services.stop=[some.timer]"));
}

static void a_desktop_is_worth_knowing(void **state)
{
	NEED_SANDBOX();
	assert_int_equal(mkdir("/run/systemd", 0755), 0);
	assert_int_equal(mkdir("/run/systemd/system", 0755), 0);
	assert_int_equal(find(QB_FINDING_DESKTOP)->state, QB_FINDING_UNKNOWN); /* no logind */
	assert_int_equal(mkdir("/run/systemd/seats", 0755), 0);
	it->session[0] = (struct fake_session){"root", "", "tty", "active"};
	it->session[1] = (struct fake_session){"carol", "seat0", "x11", "closing"};
	assert_int_equal(find(QB_FINDING_DESKTOP)->state, QB_FINDING_NOTHING);
	it->session[2] = (struct fake_session){"alice", "seat0", "wayland", "online"};
	assert_found(QB_FINDING_DESKTOP, "a desktop is on (alice, wayland): ");
	it->session[1] = (struct fake_session){"carol", "seat0", "x11", "active"};
	assert_found(QB_FINDING_DESKTOP, " and 1 more): ");
	it->no_logind = true;
	assert_int_equal(find(QB_FINDING_DESKTOP)->state, QB_FINDING_UNKNOWN);
}

/* A bus that cannot be reached must not look like a unit that is gone: that would be left stopped. */
static void without_a_bus_nothing_is_gone(void **state)
{
	const struct qb_unit cron = unit_named(CRON);

	NEED_SANDBOX();
	fake_stop();
	assert_int_equal(unlink("/run/dbus/system_bus_socket"), 0);
	assert_refused(read_it(QB_LEVER_SERVICES_STOP, CRON), ENOTCONN, "system bus");
	assert_refused(read_it(QB_LEVER_SERVICES_FREEZE, CRON), ENOTCONN, "system bus");
	assert_refused(read_it(QB_LEVER_INHIBIT, ""), ENOTCONN, "system bus");
	assert_int_equal(qb_lever_exists(QB_LEVER_SERVICES_STOP, &cron, NULL), -ENOTCONN);
	assert_int_equal(qb_systemd_available(&err), -ENOTSUP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_dead_are_waited_for),
		TEST(a_unit_is_stopped_and_started),
		TEST(irqbalance_is_stopped_and_started),
		TEST(what_is_under_way_is_waited_for),
		TEST(a_unit_that_is_not_here_needs_nothing),
		TEST(what_would_not_come_back_is_not_stopped),
		TEST(some_units_are_left_alone),
		TEST(nobody_saws_off_his_branch),
		TEST(a_unit_is_frozen_and_thawed),
		TEST(what_cannot_be_frozen_says_why),
		TEST(sleep_is_held_off),
		TEST(timers_are_told_with_their_time),
		TEST(timers_are_worth_knowing),
		TEST(a_desktop_is_worth_knowing),
		TEST(without_a_bus_nothing_is_gone),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
#else
static void it_says_what_to_install(void **state)
{
	struct qb_error err = {0};
	bool active;

	assert_int_equal(qb_systemd_active("cron.service", &active, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "libsystemd-dev"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_what_to_install)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
