/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Idle states: how long a CPU may take to wake up, and which sleep is too deep. */
#include "table_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/profile.h>

#define DMA_LATENCY "/dev/cpu_dma_latency"
/* As the kernel writes a resume latency of zero; "0" is no limit at all. */
#define LATENCY_ZERO "n/a"
#define LATENCY_NONE "none"

/* The kernel counts in microseconds of 32 bits. */
static int parse_us(const char *text, int32_t *ret, struct qb_error *err)
{
	int64_t value;

	if (qb_number_parse(text, &value) < 0 || value < 0 || value >= INT32_MAX)
		return qb_error_set(err, EINVAL, "expected microseconds, found '%s'", text);
	*ret = (int32_t)value;
	return 0;
}

static int judge_resume(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;

	return strcmp(text, LATENCY_ZERO) == 0 ? 0 : parse_us(text, &us, err);
}

/* What this process asks of the kernel; -1: nothing. */
static int request = -1;
static int32_t request_us;

static int judge_dma(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;

	return strcmp(text, LATENCY_NONE) == 0 ? 0 : parse_us(text, &us, err);
}

static int read_dma(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	if (request < 0)
		snprintf(buf, size, "%s", LATENCY_NONE);
	else
		snprintf(buf, size, "%d", request_us);
	return 0;
}

static void drop(void)
{
	if (request >= 0)
		close(request);
	request = -1;
}

/* Binary and four bytes long: any other length would be read as hexadecimal digits. */
static int write_dma(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;
	ssize_t n;
	int r;

	if (strcmp(text, LATENCY_NONE) == 0) {
		drop();
		return 0;
	}
	r = parse_us(text, &us, err);
	if (r < 0)
		return r;
	if (request < 0)
		request = open(DMA_LATENCY, O_WRONLY | O_CLOEXEC);
	if (request < 0 && errno == ENOENT)
		return qb_error_set(err, EOPNOTSUPP,
			"there is no %s here (a container needs to be given it)", DMA_LATENCY);
	if (request < 0)
		return qb_error_errno(err, errno, "open %s for writing", DMA_LATENCY);
	n = write(request, &us, sizeof(us));
	if (n != (ssize_t)sizeof(us)) {
		r = qb_error_errno(err, n < 0 ? errno : EIO, "ask %s for %d us", DMA_LATENCY, us);
		drop();
		return r;
	}
	request_us = us;
	return 0;
}

const struct qb_lever_ops qb_resume_latency_ops = {.judge = judge_resume};
const struct qb_lever_ops qb_dma_latency_ops = {
	.read = read_dma, .write = write_dma, .judge = judge_dma};

/*
 * ---- planning ----
 *
 * States are chosen by their latency, never by their number: state0 is a busy loop on x86 and real
 * sleep on arm64. Only the benchmark's cores are kept awake: a shallow sleep of all other cores would
 * use up the power that turbo needs.
 */

#define CPU_DIR	 "/sys/devices/system/cpu/"
#define NS_IN_US 1000

/* The states of one CPU are few: cpuidle has at most 10. */
#define STATES_MAX 16

struct state {
	unsigned number;
	long long latency_us;
};

struct idle {
	const struct qb_wish *wish;
	struct qb_steps *steps;
	struct qb_cpus quiet; /* the benchmark's CPUs and their reserved siblings */
};

/* The states of a CPU that are not disabled; returns how many. 0 where there is no cpuidle. */
static size_t read_states(unsigned cpu, struct state *ret)
{
	_cleanup_free_ unsigned *numbers = NULL;
	char path[128];
	size_t n = 0, found = 0;

	qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/cpuidle", cpu);
	if (qb_dir_numbers(path, "state", &numbers, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n && found < STATES_MAX; i++) {
		struct state state = {.number = numbers[i]};
		long long disabled;

		qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/cpuidle/state%u/disable", cpu,
			numbers[i]);
		if (qb_file_read_number(path, &disabled, NULL) < 0 || disabled)
			continue;
		qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/cpuidle/state%u/latency", cpu,
			numbers[i]);
		if (qb_file_read_number(path, &state.latency_us, NULL) == 0)
			ret[found++] = state;
	}
	return found;
}

static size_t shallowest(const struct state *states, size_t n)
{
	size_t least = 0;

	for (size_t i = 1; i < n; i++)
		if (states[i].latency_us < states[least].latency_us)
			least = i;
	return least;
}

/* 1: a state of this CPU is disabled; 0: none is that slow. */
static int plan_states(const struct idle *idle, unsigned cpu, int64_t limit_ns)
{
	struct state states[STATES_MAX];
	const size_t n = read_states(cpu, states);
	int planned = 0;

	for (size_t i = 0; i < n; i++) {
		struct qb_unit unit = qb_unit_number(cpu);
		int r;

		/* The shallowest stays, however slow: with none left the kernel takes state0. */
		if (states[i].latency_us * NS_IN_US <= limit_ns || i == shallowest(states, n))
			continue;
		unit.key = states[i].number;
		r = qb_lever_plan(idle->steps, QB_LEVER_IDLE, unit, "1");
		if (r < 0)
			return r;
		planned |= r;
	}
	return planned;
}

static int plan_max_latency(const struct idle *idle)
{
	const struct qb_setting *limit = &idle->wish->profile->set[QB_KEY_IDLE_MAX_LATENCY];
	int planned = 0;

	qb_cpus_foreach (cpu, &idle->quiet) {
		int r = plan_states(idle, cpu, limit->number);

		if (r < 0)
			return r;
		planned |= r;
	}
	if (planned)
		return 0;
	return qb_steps_refuse(idle->steps, QB_LEVER_IDLE, QB_STATUS_UNCHANGED,
		"no idle state in use here, but for the shallowest, takes longer to wake up from");
}

/* A duration in microseconds, rounded down: never a longer one than was asked for. */
static void format_us(const struct qb_setting *limit, char *buf, size_t size)
{
	snprintf(buf, size, "%lld", (long long)(limit->number / NS_IN_US));
}

static int plan_resume_latency(const struct idle *idle)
{
	char text[24];

	format_us(&idle->wish->profile->set[QB_KEY_IDLE_RESUME_LATENCY], text, sizeof(text));
	if (strcmp(text, "0") == 0)
		qb_text_copy(text, sizeof(text), LATENCY_ZERO);
	qb_cpus_foreach (cpu, &idle->wish->selection->bench) {
		int r = qb_lever_plan(
			idle->steps, QB_LEVER_RESUME_LATENCY, qb_unit_number(cpu), text);

		if (r == 0)
			r = qb_steps_refuse(idle->steps, QB_LEVER_RESUME_LATENCY,
				QB_STATUS_UNSUPPORTED,
				"the kernel has no power/pm_qos_resume_latency_us of a CPU");
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_dma_latency(const struct idle *idle)
{
	char text[24];

	format_us(&idle->wish->profile->set[QB_KEY_IDLE_DMA_LATENCY], text, sizeof(text));
	return qb_lever_plan(idle->steps, QB_LEVER_DMA_LATENCY, qb_unit_none(), text);
}

/* Does cpuidle choose the sleep of any of these CPUs? If not, a latency has no effect either. */
static bool has_cpuidle(const struct qb_cpus *cpus)
{
	char path[128];

	qb_cpus_foreach (cpu, cpus) {
		qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/cpuidle", cpu);
		if (qb_file_exists(path))
			return true;
	}
	return false;
}

int qb_idle_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	static const struct {
		enum qb_key key;
		enum qb_lever_id lever;
		int (*plan)(const struct idle *idle);
	} rows[] = {
		{QB_KEY_IDLE_MAX_LATENCY, QB_LEVER_IDLE, plan_max_latency},
		{QB_KEY_IDLE_RESUME_LATENCY, QB_LEVER_RESUME_LATENCY, plan_resume_latency},
		{QB_KEY_IDLE_DMA_LATENCY, QB_LEVER_DMA_LATENCY, plan_dma_latency},
	};
	struct idle idle = {.wish = wish, .steps = steps, .quiet = wish->selection->bench};
	bool cpuidle;
	int r = 0;

	qb_cpus_or(&idle.quiet, &wish->selection->reserved);
	cpuidle = has_cpuidle(&idle.quiet);
	for (size_t i = 0; i < QB_ARRAY_SIZE(rows) && r >= 0; i++) {
		if (qb_setting_is(&wish->profile->set[rows[i].key], "keep"))
			continue;
		r = cpuidle ? rows[i].plan(&idle)
			    : qb_steps_refuse(steps, rows[i].lever, QB_STATUS_UNSUPPORTED, "%s",
				      wish->topology->guest
					      ? "the hypervisor keeps idle states to itself (no "
						"cpuidle here)"
					      : "no cpuidle driver is active, so idle states cannot be chosen (look for idle= or cpuidle.off=1 in the boot parameters)");
	}
	return r < 0 ? qb_error_errno(err, -r, "plan idle states") : 0;
}
