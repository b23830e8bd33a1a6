/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.h and logind.h: whether they are there is seen; all else is asked by quietbench-bus. */
#include <base/file.h>
#include <base/text.h>
#include <errno.h>
#include <host/logind.h>
#include <host/program.h>
#include <host/systemd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUS_SOCKET "/run/dbus/system_bus_socket"
/*
 * Longer than it waits for a job of systemd's (QB_BUS_JOB_MS: a unit's own limits are 90 s), and whatever is asked before
 * and after. It is systemd that takes so long, never a client: when that one dies, or SIGTERM comes, or the policy's time
 * is over, the guardian does not wait for the monitor that waits here (its MUSTs 2 and 3).
 */
#define ANSWER_MS 180000

/* The one of this process; a child of it has none, whose descriptors they are not. */
static struct {
	pid_t of; /* 0: it is not started */
	struct qb_program program;
	struct qb_message answer;
} bus;

bool qb_systemd_booted(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

#ifdef HAVE_SYSTEMD
#define check_built(err) 0
#else
static int check_built(struct qb_error *err)
{
	return qb_error_set(err, ENOTSUP,
		"quietbench was built without libsystemd: install libsystemd-dev and build again");
}
#endif

int qb_systemd_available(struct qb_error *err)
{
	int r = check_built(err);

	if (r == 0 && !qb_file_exists(BUS_SOCKET))
		r = qb_error_set(err, ENOTSUP,
			"systemd cannot be asked: no system bus at " BUS_SOCKET
			" (is dbus installed and running?)");
	return r;
}

int qb_logind_available(struct qb_error *err)
{
	int r = qb_systemd_available(err);

	if (r < 0)
		return r;
	/* The folder by which libsystemd itself tells. */
	return qb_file_exists("/run/systemd/seats")
		       ? 0
		       : qb_error_set(
				 err, ENOENT, "logind does not run here: nothing manages sleep");
}

/* ---- asking ---- */

static int start(struct qb_error *err)
{
	const struct qb_program_order order = {.name = "quietbench-bus"};
	int r = check_built(err);

	if (r < 0 || bus.of == getpid())
		return r;
	r = qb_program_start(&order, &bus.program, err);
	if (r < 0)
		return qb_error_wrap(err, "systemd cannot be asked");
	bus.of = getpid();
	return 0;
}

static void end(void)
{
	qb_program_end(&bus.program);
	bus.of = 0;
}

/* One request and its answer, which is in bus.answer.told then. */
static int converse(struct qb_ask *ask, struct qb_error *err)
{
	struct qb_error why = {0};
	int r;

	/* One that has ended takes nothing any more, and is awaited in vain: that says why. */
	(void)qb_program_send(&bus.program, QB_MSG_ASK, ask, sizeof(*ask));
	r = qb_program_await(&bus.program, QB_SENDER_BUS, ANSWER_MS, &bus.answer, &why);
	if (r < 0) {
		end();
		return qb_error_set(
			err, -r, "systemd cannot be asked: quietbench-bus: %s", why.text);
	}
	if (bus.answer.head.type == QB_MSG_TOLD)
		return 0;
	qb_text_one_line(bus.answer.error.text);
	r = bus.answer.error.code;
	return qb_error_set(err, r > 0 && r < 4096 ? r : EIO, "%s", bus.answer.error.text);
}

/* One that was asked before may have lost the bus, which was restarted: the next has it again. */
static int ask_bus(struct qb_ask ask, struct qb_error *err)
{
	const bool fresh = bus.of != getpid();
	int r = start(err);

	if (r == 0)
		r = converse(&ask, err);
	if (r != -ENOTCONN)
		return r;
	end();
	return fresh ? r : ask_bus(ask, err);
}

static int ask_about(enum qb_bus_call call, const char *unit, bool on, struct qb_error *err)
{
	struct qb_ask ask = {.call = (uint8_t)call, .on = on};

	if (!qb_text_copy(ask.name, sizeof(ask.name), unit))
		return qb_error_set(err, EINVAL, "ask systemd for %.64s…: too long a name", unit);
	return ask_bus(ask, err);
}

int qb_systemd_settle(const char *unit, struct qb_error *err)
{
	return ask_about(QB_BUS_SETTLE, unit, false, err);
}

static void confine(struct qb_ask *ask, const struct qb_cpus *cpus)
{
	ask->confined = cpus != NULL;
	if (cpus)
		ask->cpus = *cpus;
}

int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err)
{
	struct qb_ask ask = {.call = QB_BUS_START_SLICE};

	qb_text_copy(ask.name, sizeof(ask.name), name);
	confine(&ask, cpus);
	return ask_bus(ask, err);
}

int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	struct qb_ask ask = {.call = QB_BUS_START_SCOPE,
		.pid = pid,
		.memory_max = limits->memory_max,
		.memory_high = limits->memory_high,
		.swap_max = limits->swap_max,
		.tasks_max = limits->tasks_max,
		.cpu_usec = limits->cpu_usec,
		.cpu_weight = limits->cpu_weight,
		.io_weight = limits->io_weight,
		.nodes = limits->nodes};

	qb_text_copy(ask.name, sizeof(ask.name), name);
	qb_text_copy(ask.slice, sizeof(ask.slice), slice);
	confine(&ask, limits->cpus);
	return ask_bus(ask, err);
}

static int copy_name(int r, char *buf, size_t size, struct qb_error *err)
{
	if (r == 0 && !qb_text_copy(buf, size, bus.answer.told.name))
		return qb_error_set(err, ENAMETOOLONG, "the name of a unit is too long");
	return r;
}

int qb_systemd_id(const char *name, char *buf, size_t size, struct qb_error *err)
{
	return copy_name(ask_about(QB_BUS_ID, name, false, err), buf, size, err);
}

int qb_systemd_unit_of(pid_t pid, char *buf, size_t size, struct qb_error *err)
{
	const struct qb_ask ask = {.call = QB_BUS_UNIT_OF, .pid = pid};

	return copy_name(ask_bus(ask, err), buf, size, err);
}

/* A question whose answer is yes or no. */
static int ask_whether(enum qb_bus_call call, const char *unit, bool *ret, struct qb_error *err)
{
	int r = ask_about(call, unit, false, err);

	if (r == 0)
		*ret = bus.answer.told.yes;
	return r;
}

int qb_systemd_active(const char *name, bool *ret, struct qb_error *err)
{
	return ask_whether(QB_BUS_ACTIVE, name, ret, err);
}

int qb_systemd_frozen(const char *name, bool *ret, struct qb_error *err)
{
	return ask_whether(QB_BUS_FROZEN, name, ret, err);
}

int qb_logind_inhibited(bool *ret, struct qb_error *err)
{
	return ask_whether(QB_BUS_INHIBITED, "", ret, err);
}

int qb_systemd_check_stop(const char *name, struct qb_error *err)
{
	return ask_about(QB_BUS_CHECK_STOP, name, false, err);
}

int qb_systemd_stop(const char *name, struct qb_error *err)
{
	return ask_about(QB_BUS_STOP, name, false, err);
}

int qb_systemd_start(const char *name, struct qb_error *err)
{
	return ask_about(QB_BUS_START, name, false, err);
}

int qb_systemd_freeze(const char *name, bool freeze, struct qb_error *err)
{
	return ask_about(QB_BUS_FREEZE, name, freeze, err);
}

int qb_logind_inhibit(bool on, struct qb_error *err)
{
	struct qb_error why = {0};
	int r = ask_about(QB_BUS_INHIBIT, "", on, &why);

	/* Who held it has ended with the bus. */
	if (!on && r == -ENOTCONN)
		return 0;
	return r < 0 ? qb_error_set(err, -r, "%s", why.text) : 0;
}

int qb_systemd_timers(int64_t within_us, struct qb_systemd_timer *ret, size_t max, size_t *ret_n,
	struct qb_error *err)
{
	const struct qb_told *told = &bus.answer.told;
	const struct qb_ask ask = {.call = QB_BUS_TIMERS, .within_us = within_us};
	int r = ask_bus(ask, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < told->n && i < max && i < QB_TOLD_TIMERS; i++)
		ret[i] = told->timers[i];
	*ret_n = told->n;
	return 0;
}

int qb_logind_desktops(struct qb_logind_desktop *ret, size_t *ret_n, struct qb_error *err)
{
	int r = ask_about(QB_BUS_DESKTOPS, "", false, err);

	if (r < 0)
		return r;
	*ret = bus.answer.told.desktop;
	*ret_n = bus.answer.told.n;
	return 0;
}
