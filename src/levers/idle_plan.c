/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: planning idle states. For the planner alone.
 *
 * States are chosen by their latency, never by their number: state0 is a busy loop on x86 and real
 * sleep on arm64. Only the benchmark's cores are kept awake: a shallow sleep of all the others would
 * eat the power that a turbo lives on.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/idle.h>
#include <quietbench/profile.h>

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

/* The states of a CPU that nobody has disabled; returns how many. 0 where there is no cpuidle. */
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
		qb_text_copy(text, sizeof(text), QB_LATENCY_ZERO);
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

/* Does cpuidle choose the sleep of any of these CPUs? If not, nobody heeds a latency either. */
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
					      : "no cpuidle driver is at work: nobody chooses "
						"idle states (look for idle= or cpuidle.off=1 in "
						"the boot parameters)");
	}
	return r < 0 ? qb_error_errno(err, -r, "plan idle states") : 0;
}
