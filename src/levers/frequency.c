/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frequency.h, and the judge of governors, preferences and limits: only what the policy offers.
 *
 * The base clock is asked of each policy, for kinds of core differ, and before anything is changed:
 * cpuinfo_max_freq would be this clock only once turbo is off, and not with every driver.
 */
#include "table_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/frequency.h>
#include <limits.h>

#define CPU_DIR	   "/sys/devices/system/cpu/"
#define POLICY	   CPU_DIR "cpufreq/policy%u/"
#define PSTATE_DIR CPU_DIR "intel_pstate/"

/* How far apart the P-states of Intel's Core and Xeon are. */
#define PSTATE_KHZ 100000
/* With more states a percentage would not tell their number. */
#define PSTATES_MAX 64

/* ---- judging ---- */

static int judge_offered(const char *path, const char *text, struct qb_error *err)
{
	char offered[1024];
	ssize_t n = qb_file_read(path, offered, sizeof(offered), err);

	if (n < 0)
		return (int)n;
	if (!qb_text_has_word(offered, text))
		return qb_error_set(err, EINVAL, "expected one of: %s; found '%s'", offered, text);
	return 0;
}

static int judge_governor(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[128];

	qb_text_format(path, sizeof(path), POLICY "scaling_available_governors", unit->number);
	return judge_offered(path, text, err);
}

static int judge_epp(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[128];

	qb_text_format(path, sizeof(path), POLICY "energy_performance_available_preferences",
		unit->number);
	return judge_offered(path, text, err);
}

static int judge_limit(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	long long low, high, value;
	int64_t number;
	char path[128];
	int r;

	r = qb_number_parse(text, &number);
	if (r < 0)
		return qb_error_set(err, -r, "expected kHz, found '%s'", text);
	value = number;
	qb_text_format(path, sizeof(path), POLICY "cpuinfo_min_freq", unit->number);
	r = qb_file_read_number(path, &low, err);
	if (r < 0)
		return r;
	qb_text_format(path, sizeof(path), POLICY "cpuinfo_max_freq", unit->number);
	r = qb_file_read_number(path, &high, err);
	if (r < 0)
		return r;
	if (value < low || value > high)
		return qb_error_set(
			err, ERANGE, "expected %lld to %lld kHz, found %lld", low, high, value);
	return 0;
}

/* A governor is a module; nobody keeps one loaded that no policy uses. */
static bool lacks_governor(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	if (judge_governor(lever, unit, text, NULL) != -EINVAL)
		return false;
	qb_error_set(err, ENOENT,
		"the kernel has no governor '%s' at the moment (modprobe cpufreq_%s)", text, text);
	return true;
}

const struct qb_lever_ops qb_governor_ops = {.judge = judge_governor, .lacks = lacks_governor};
const struct qb_lever_ops qb_epp_ops = {.judge = judge_epp};
const struct qb_lever_ops qb_limit_ops = {.judge = judge_limit};

/* ---- the clock of one CPU ---- */

/* The folders of the attributes of one CPU and of all, below the root. */
struct place {
	char cpu[PATH_MAX], all[PATH_MAX];
};

/* 0: not told. */
static int64_t read_khz(const char *dir, const char *file)
{
	char path[PATH_MAX + 64];
	long long value;

	qb_text_format(path, sizeof(path), "%s%s", dir, file);
	return qb_file_read_number(path, &value, NULL) == 0 && value > 0 ? value : 0;
}

static void read_word(const char *dir, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX + 64];

	qb_text_format(path, sizeof(path), "%s%s", dir, file);
	if (qb_file_read(path, buf, size, NULL) < 0)
		buf[0] = '\0';
}

/* 1, 0, or -1: there is no such switch. */
static int read_switch(const char *dir, const char *file)
{
	char path[PATH_MAX + 64];
	long long value;

	qb_text_format(path, sizeof(path), "%s%s", dir, file);
	return qb_file_read_number(path, &value, NULL) < 0 ? -1 : value != 0;
}

static enum qb_turbo read_turbo(const struct place *at)
{
	const int no_turbo = read_switch(at->all, "intel_pstate/no_turbo");
	int on = no_turbo < 0 ? read_switch(at->cpu, "cpufreq/boost") : !no_turbo;

	if (on < 0)
		on = read_switch(at->all, "cpufreq/boost");
	return on < 0 ? QB_TURBO_NO_SWITCH : on ? QB_TURBO_ON : QB_TURBO_OFF;
}

/* The states on offer, in whatever order they are listed; boost has a list of its own. */
struct listed {
	int64_t first, second; /* the two highest; 0: there is none */
	bool has_nominal;      /* is CPPC's nominal clock one of them? */
};

static struct listed read_states(const struct place *at, int64_t nominal)
{
	struct listed listed = {0};
	char text[2048], *end;

	read_word(at->cpu, "cpufreq/scaling_available_frequencies", text, sizeof(text));
	for (char *next = text;; next = end) {
		const int64_t khz = strtoll(next, &end, 10);

		if (end == next)
			return listed;
		listed.has_nominal |= khz == nominal;
		if (khz > listed.first) {
			listed.second = listed.first;
			listed.first = khz;
		} else if (khz < listed.first && khz > listed.second) {
			listed.second = khz;
		}
	}
}

/*
 * The highest state of a driver that lists its states. But Intel's firmware lists turbo as a state
 * 1 MHz above the base; where acpi-cpufreq can switch turbo, has no such state and is not on AMD (cpb
 * tells), it may be listed in a way that nobody can tell.
 */
static int64_t base_of_states(
	const struct place *at, const struct listed *listed, const char *driver)
{
	if (listed->second && listed->first - listed->second == 1000)
		return listed->second;
	if (strcmp(driver, "acpi-cpufreq") == 0 && read_switch(at->all, "cpufreq/boost") >= 0 &&
		read_switch(at->cpu, "cpufreq/cpb") < 0)
		return 0;
	return listed->first;
}

/*
 * intel_pstate without HWP tells how many states there are, and which share of them is turbo, in
 * whole percent (computed here as in show_turbo_pct of intel_pstate.c). Believed if the states then
 * span what the policy says it runs from and to: up to turbo, or up to the base where turbo is off.
 */
static int64_t base_by_count(const struct place *at, const struct qb_clock *clock)
{
	const int64_t span = clock->high - clock->low;
	const int64_t states = read_khz(at->all, "intel_pstate/num_pstates");
	const int percent_known = read_switch(at->all, "intel_pstate/turbo_pct");
	const int64_t percent = read_khz(at->all, "intel_pstate/turbo_pct");

	if (percent_known < 0 || states > PSTATES_MAX)
		return 0;
	for (int64_t n = 1; n <= states; n++) {
		if (100 - (n * 256 / states * 100 >> 8) != percent)
			continue;
		if (span != (states - 1) * PSTATE_KHZ && span != (n - 1) * PSTATE_KHZ)
			return 0;
		return clock->low + (n - 1) * PSTATE_KHZ;
	}
	return 0;
}

/* What the driver says (HWP); then CPPC, unless it names what is none of the states; the states. */
static int64_t untold_base(const struct place *at, const struct qb_clock *clock)
{
	const int64_t nominal = 1000 * read_khz(at->cpu, "acpi_cppc/nominal_freq");
	const struct listed listed = read_states(at, nominal);
	int64_t base = !listed.first || listed.has_nominal ? nominal : 0;

	if (!base)
		base = base_of_states(at, &listed, clock->driver);
	if (!base)
		base = nominal;
	return base ? base : base_by_count(at, clock);
}

static int64_t base_at(const struct place *at, const struct qb_clock *clock)
{
	const int64_t limit = read_khz(at->cpu, "cpufreq/bios_limit");
	int64_t base = read_khz(at->cpu, "cpufreq/base_frequency");

	if (!base)
		base = untold_base(at, clock);
	/* The firmware may cap all clocks, for heat or a weak supply: then this is what holds. */
	return limit && limit < base ? limit : base;
}

static void place_of(const char *root, unsigned cpu, struct place *at)
{
	qb_text_format(at->cpu, sizeof(at->cpu), "%s" CPU_DIR "cpu%u/", root, cpu);
	qb_text_format(at->all, sizeof(at->all), "%s" CPU_DIR, root);
}

int64_t qb_clock_base(const char *root, unsigned cpu, const struct qb_clock *clock)
{
	struct place at;

	place_of(root, cpu, &at);
	return base_at(&at, clock);
}

/* cpuN/cpufreq is a link to ../cpufreq/policyM, or (old kernels) a folder of the CPU's own. */
static unsigned read_policy(const struct place *at, unsigned cpu)
{
	char path[PATH_MAX + 64], to[128] = "";
	unsigned number;

	qb_text_format(path, sizeof(path), "%scpufreq", at->cpu);
	if (readlink(path, to, sizeof(to) - 1) < 0 || !strrchr(to, '/') ||
		sscanf(strrchr(to, '/'), "/policy%u", &number) != 1)
		return cpu;
	return number;
}

bool qb_clock_read(const char *root, unsigned cpu, struct qb_clock *ret)
{
	struct qb_clock clock = {0};
	struct place at;

	place_of(root, cpu, &at);
	clock.policy = read_policy(&at, cpu);
	read_word(at.cpu, "cpufreq/scaling_driver", clock.driver, sizeof(clock.driver));
	read_word(at.cpu, "cpufreq/scaling_governor", clock.governor, sizeof(clock.governor));
	clock.min = read_khz(at.cpu, "cpufreq/scaling_min_freq");
	clock.max = read_khz(at.cpu, "cpufreq/scaling_max_freq");
	clock.low = read_khz(at.cpu, "cpufreq/cpuinfo_min_freq");
	clock.high = read_khz(at.cpu, "cpufreq/cpuinfo_max_freq");
	clock.base = base_at(&at, &clock);
	clock.turbo = read_turbo(&at);
	*ret = clock;
	return clock.min > 0 && clock.max > 0;
}

/* Documentation/admin-guide/pm/cpufreq.rst */
bool qb_clock_hides_boost(const struct qb_clock *clock)
{
	return clock->turbo == QB_TURBO_ON && strcmp(clock->driver, "acpi-cpufreq") == 0;
}

/*
 * Where limits include what boost adds, a limit at the base is as good as the switch. Where the base
 * is not known, any limit below the highest clock may be one.
 */
bool qb_clock_rises(const struct qb_clock *clock)
{
	if (clock->turbo == QB_TURBO_OFF || (clock->turbo == QB_TURBO_NO_SWITCH && !clock->base))
		return false;
	if (qb_clock_hides_boost(clock))
		return clock->max >= clock->base;
	return clock->base ? clock->max > clock->base : clock->max >= clock->high;
}

/* Documentation/admin-guide/pm/{intel_pstate,amd-pstate,cpufreq}.rst */
enum qb_pace qb_clock_pace(const struct qb_clock *clock)
{
	if (!clock->governor[0] || clock->min == clock->max ||
		!qb_lever_costs(QB_LEVER_GOVERNOR, clock->governor))
		return QB_PACE_STEADY;
	if (strcmp(clock->governor, "powersave") == 0 &&
		strcmp(clock->driver, "intel_pstate") != 0 &&
		strcmp(clock->driver, "amd-pstate-epp") != 0)
		return QB_PACE_LOWEST;
	return QB_PACE_FOLLOWS;
}
