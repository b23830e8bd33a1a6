/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two records as sessions gather them: the fullest, with one of everything, and the barest. */
#ifndef QB_TESTS_RECORD_SAMPLE_H
#define QB_TESTS_RECORD_SAMPLE_H

#include <base/text.h>
#include <cli/record.h>
#include <cmocka.h>
#include <quietbench/lever.h>
#include <stdlib.h>
#include <string.h>

#include "measure_sample.h"

static char *const argv_plain[] = {"make", "bench", NULL};
static char *const argv_bytes[] = {"./b\xe4nch", "\xc3\xa4", "", NULL};
static struct qb_source sources[] = {
	{"LOC", "timer tick", QB_SOURCE_TICK}, {"RES", "rescheduling IPI", QB_SOURCE_CPU}};
static uint64_t interrupts[] = {3103, 0}, softirqs[] = {12, 5};
static struct qb_watch_sample samples[] = {
	{.at_ns = 100000000, .others_ns = 13000000},
	{.at_ns = 200000000,
		.others_ns = -1,
		.steal_ns = 10000000,
		.look = {{2630, 0, 7}, 12500, 0}},
};
/* A run that was watched, with all there is to say of it. */
static const struct qb_result watched = {.is_watched = true,
	.watched = {.others_ns = 41000000,
		.reasons = {"cron (pid 812) ran 3 times, 41 ms"},
		.n_reasons = 1},
	.samples = samples,
	.n_samples = 2,
	.interval_ns = 100000000,
	.switches = "ticks",
	.steal_known = true,
	.tally = {.pressure_known = true,
		.own_pressure = true,
		.quota_known = true,
		.detailed = true,
		.interrupts = {{sources, 2}, interrupts},
		.softirqs = {{sources, 2}, softirqs},
		.looks[1] = {{2652, 0, 7}, 12500, 0}}};

/* What a session gathers; the record points into it. */
struct session {
	struct qb_host host;
	struct qb_profile profile;
	struct qb_request request;
	struct qb_selection selection;
	struct qb_steps steps;
	struct qb_result runs[2];
	struct qb_record record;
};

static void add_step(struct session *s, unsigned lever, unsigned unit, enum qb_status status,
	enum qb_restored restored, const char *before, const char *wanted, const char *left,
	const char *reason)
{
	struct qb_step *step = qb_steps_add(&s->steps, lever, qb_unit_number(unit), before, wanted);
	assert_non_null(step);
	step->status = (uint8_t)status;
	step->restored = (uint8_t)restored;
	step->left = qb_steps_text(&s->steps, left);
	step->reason = qb_steps_text(&s->steps, reason);
}

static void set(struct session *s, enum qb_key key, const char *text)
{
	assert_int_equal(qb_setting_parse(key, text, &s->profile.set[key], NULL), 0);
}

static void fill(struct session *s)
{
	s->host = (struct qb_host){.cpus = 4,
		.cores = 2,
		.packages = 1,
		.nodes = 1,
		.kinds = 1,
		.cpu_model = "A CPU",
		.cpufreq_driver = "acpi-cpufreq",
		.max_khz = 4700000};
	qb_text_copy(s->profile.name, sizeof(s->profile.name), "default");
	qb_text_copy(s->profile.file, sizeof(s->profile.file), "/usr/share/default.yaml");
	qb_text_copy(s->profile.description, sizeof(s->profile.description), "One \"quiet\" core.");
	memset(s->profile.sha256, 'a', 64);
	set(s, QB_KEY_FREQUENCY_TURBO, "false");
	set(s, QB_KEY_FREQUENCY_RANGE, "{min: 2GHz, max: 2.4GHz}");
	set(s, QB_KEY_IDLE_MAX_LATENCY, "10us");
	set(s, QB_KEY_CPUS_EXEMPT, "[sshd, cron]");
	set(s, QB_KEY_PROCESS_NICE, "-5");
	set(s, QB_KEY_MEMORY_THP, "keep");
	s->request.n_set = 1;
	qb_text_copy(s->request.set[0], QB_REQUEST_SET, "frequency.turbo=false");
	qb_cpus_add(&s->selection.bench, 1);
	qb_cpus_add(&s->selection.reserved, 3);
	qb_cpus_add(&s->selection.housekeeping, 0);
	qb_cpus_add(&s->selection.housekeeping, 2);
	add_step(s, QB_LEVER_GOVERNOR, 0, QB_STATUS_APPLIED, QB_RESTORED_YES, "powersave",
		"performance", "performance", NULL);
	add_step(s, QB_LEVER_GOVERNOR, 1, QB_STATUS_APPLIED, QB_RESTORED_CONFLICT, "powersave",
		"performance", "performance", "reads schedutil now");
	add_step(s, QB_LEVER_IRQ, 33, QB_STATUS_APPLIED, QB_RESTORED_NO, "f", "5", "5",
		"write 33: Input/output error");
	add_step(s, QB_LEVER_EPP, 0, QB_STATUS_UNSUPPORTED, QB_RESTORED_NONE, NULL, NULL, NULL,
		"this driver has none");
	add_step(s, QB_LEVER_TASK_AFFINITY, 812, QB_STATUS_PLANNED, QB_RESTORED_NONE, "f", NULL,
		"f", NULL);
}

static void finish(struct session *s)
{
	s->runs[0] = watched;
	s->runs[0].argv = argv_plain;
	s->runs[0].code = 3;
	s->runs[0].used.wall_ns = 12410000000;
	s->runs[0].used.user_ns = 12000000000;
	s->runs[0].used.sys_ns = 1000;
	s->runs[0].used.max_rss_kib = 5120;
	s->runs[0].used.involuntary_switches = 7;
	s->runs[0].noise = QB_NOISE_NOISY;
	s->runs[0].cpus = 1;
	s->runs[1] = (struct qb_result){.argv = argv_bytes, .code = -1, .signal = 9};
	s->record = (struct qb_record){.started_at = 1763835611123456789,
		.conditioned = QB_CONDITIONED_PARTIAL,
		.host = &s->host,
		.profile = &s->profile,
		.request = &s->request,
		.selection = &s->selection,
		.steps = &s->steps,
		.check = loud(),
		.runs = s->runs,
		.n_runs = 2,
		.is_restored = true};
}

static struct session *full(void)
{
	struct session *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	fill(s);
	finish(s);
	return s;
}

/* A guest without a clock to set, no privilege, no command that was started. */
static struct session *bare(void)
{
	struct session *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->host = (struct qb_host){.guest = 1, .cpus = 1};
	qb_text_copy(s->profile.name, sizeof(s->profile.name), "vm");
	finish(s);
	s->record.conditioned = QB_CONDITIONED_NONE;
	s->record.n_runs = 0;
	s->record.check = NULL;
	s->record.is_restored = false;
	return s;
}

static void session_free(struct session *s)
{
	qb_steps_free(&s->steps);
	free(s);
}

#endif
