/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of a run as a file, see record.h. What its members mean and may hold is
 * contrib/schema/record.schema.json.
 */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/json.h>
#include <cli/noise.h>
#include <cli/record.h>
#include <cli/record_experiment.h>
#include <client/draft.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>
#include <sys/utsname.h>
#include <time.h>

static const char *conditioned_name(enum qb_conditioned conditioned)
{
	switch (conditioned) {
	case QB_CONDITIONED_NONE: return "none";
	case QB_CONDITIONED_PARTIAL: return "partial";
	case QB_CONDITIONED_FULL: return "full";
	case QB_CONDITIONED_JOINED: return "joined";
	}
	return NULL;
}

static const char *restored_name(enum qb_restored restored)
{
	switch (restored) {
	case QB_RESTORED_NONE: return NULL;
	case QB_RESTORED_YES: return "yes";
	case QB_RESTORED_NO: return "no";
	case QB_RESTORED_CONFLICT: return "conflict";
	case QB_RESTORED_OWED: return "owed";
	}
	return NULL;
}

/* RFC 3339, UTC, milliseconds. */
static void put_time(struct qb_json *json, const char *key, int64_t ns)
{
	time_t seconds = (time_t)(ns / QB_NS_PER_S);
	struct tm tm;
	char date[32], text[48];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	qb_text_format(
		text, sizeof(text), "%s.%03dZ", date, (int)(ns % QB_NS_PER_S / QB_NS_PER_MS));
	qb_json_text(json, key, text);
}

static void put_host(struct qb_json *json, const struct qb_host *host)
{
	struct utsname name;
	char boot_id[40];
	bool named = uname(&name) == 0;

	qb_json_object(json, "host");
	qb_json_text(json, "hostname", named ? name.nodename : NULL);
	qb_json_text(json, "kernel", named ? name.release : NULL);
	qb_json_text(json, "architecture", named ? name.machine : NULL);
	qb_json_text(json, "boot_id", qb_journal_boot_id(boot_id, NULL) == 0 ? boot_id : NULL);
	qb_json_host(json, host);
	qb_json_end(json);
}

static void put_cpus(struct qb_json *json, const struct qb_selection *chosen)
{
	qb_json_object(json, "cpus");
	qb_json_cpus(json, "benchmark", &chosen->bench);
	qb_json_cpus(json, "reserved", &chosen->reserved);
	qb_json_cpus(json, "offline", &chosen->offline);
	qb_json_cpus(json, "housekeeping", &chosen->housekeeping);
	qb_json_cpus(json, "isolated", &chosen->isolated);
	qb_json_end(json);
}

static const char *after(const struct qb_step *step)
{
	return step->left ? step->left : step->became;
}

/* Threads and attributes that were only watched, and that no step of ours changed, say nothing. */
static bool is_bystander(const struct qb_step *step)
{
	/* A check has no command whose own process would do it. */
	if (step->status == QB_STATUS_PLANNED && qb_levers[step->lever].where == QB_LEVER_CHILD)
		return true;
	if (step->wanted || step->reason)
		return false;
	return !step->before || !after(step) ||
	       qb_lever_same(step->lever, step->before, after(step));
}

/* What one of our writes changed elsewhere was never planned, and has been applied all the same. */
static const char *status_name(const struct qb_step *step)
{
	bool coupled = step->status == QB_STATUS_PLANNED && !step->wanted;
	return qb_status_name(coupled ? QB_STATUS_APPLIED : (enum qb_status)step->status);
}

static void put_levers(struct qb_json *json, const struct qb_steps *steps)
{
	qb_json_array(json, "levers");
	for (size_t i = 0; steps && i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		if (is_bystander(step))
			continue;
		qb_json_object(json, NULL);
		qb_json_step(json, step);
		qb_json_text(json, "status", status_name(step));
		qb_json_text(json, "before", step->before);
		qb_json_text(json, "wanted", step->wanted);
		qb_json_text(json, "after", after(step));
		qb_json_text(json, "reason", step->reason);
		qb_json_text(json, "restored", restored_name(step->restored));
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_check(struct qb_json *json, const struct qb_measure *check)
{
	if (!check) {
		qb_json_null(json, "check");
		return;
	}
	qb_json_object(json, "check");
	qb_noise_json(json, check);
	qb_json_end(json);
}

/* ---- one run ---- */

/* Those that happened, by their names for people. */
static void put_table(struct qb_json *json, const char *key, const struct qb_tally *tally,
	const struct qb_tally_table *table)
{
	if (!tally->detailed) {
		qb_json_null(json, key);
		return;
	}
	qb_json_object(json, key);
	for (size_t i = 0; i < table->sources.n; i++)
		if (table->times[i])
			qb_json_number(json, table->sources.v[i].name, (int64_t)table->times[i]);
	qb_json_end(json);
}

static void put_look(
	struct qb_json *json, const struct qb_tally *tally, const struct qb_tally_look *look)
{
	if (tally->pressure_known) {
		qb_json_object(json, "pressure_us");
		for (int i = 0; i < QB_PRESSURE_COUNT; i++)
			qb_json_number(json, qb_pressure_name((enum qb_pressure)i),
				(int64_t)look->pressure_us[i]);
		qb_json_end(json);
	} else {
		qb_json_null(json, "pressure_us");
	}
	if (tally->quota_known)
		qb_json_number(json, "quota_us", (int64_t)look->quota_us);
	else
		qb_json_null(json, "quota_us");
	qb_json_number(json, "asleep_ns", look->asleep_ns);
}

static void put_watched(struct qb_json *json, const struct qb_result *run)
{
	const struct qb_watched *watched = &run->watched;

	qb_json_number(json, "others_ns", watched->others_ns);
	qb_json_number(json, "others_uncertain_ns", watched->uncertain_ns);
	qb_record_put_known(json, "steal_ns", run->steal_known ? watched->steal_ns : -1);
	qb_json_number(json, "throttled", (int64_t)watched->throttled);
	qb_json_number(json, "swapped_in", (int64_t)watched->swapped);
	qb_record_put_known(json, "own_waits_ns", watched->waited_ns);
	put_look(json, &run->tally, &run->tally.looks[1]);
	put_table(json, "interrupts", &run->tally, &run->tally.interrupts);
	put_table(json, "softirqs", &run->tally, &run->tally.softirqs);
}

/* The source of each figure, and which sources are missing here. */
static void put_sources(struct qb_json *json, const struct qb_result *run)
{
	const struct qb_tally *tally = &run->tally;
	const char *pressure = tally->own_pressure ? "group" : "host";

	qb_json_object(json, "sources");
	qb_json_text(json, "switches", run->switches);
	qb_json_text(json, "pressure", tally->pressure_known ? pressure : NULL);
	qb_json_text(json, "quota", tally->quota_known ? "group" : NULL);
	qb_json_text(json, "steal", run->steal_known ? "stat" : NULL);
	qb_json_end(json);
}

static void put_timeline(struct qb_json *json, const struct qb_result *run)
{
	qb_json_object(json, "timeline");
	qb_json_number(json, "interval_ns", run->interval_ns);
	qb_json_array(json, "samples");
	for (size_t i = 0; i < run->n_samples; i++) {
		const struct qb_watch_sample *sample = &run->samples[i];

		qb_json_object(json, NULL);
		qb_json_number(json, "at_ns", sample->at_ns);
		if (sample->others_ns < 0)
			qb_json_null(json, "others_ns");
		else
			qb_json_number(json, "others_ns", sample->others_ns);
		qb_json_number(json, "steal_ns", sample->steal_ns);
		put_look(json, &run->tally, &sample->look);
		qb_json_end(json);
	}
	qb_json_end(json);
	qb_json_end(json);
}

/* Of each CPU, what a chunk of the probe's work cost. */
static void put_costs(struct qb_json *json, const char *key, const struct qb_probe *probe)
{
	qb_json_array(json, key);
	for (size_t i = 0; i < probe->n; i++)
		qb_json_share(json, NULL, probe->costs[i]);
	qb_json_end(json);
}

static void put_probes(struct qb_json *json, const struct qb_result *run)
{
	const struct qb_watch_probes *probes = &run->watched.probes;

	if (!probes->known) {
		qb_json_null(json, "probes");
		return;
	}
	qb_json_object(json, "probes");
	qb_json_real(json, "slower_before", probes->before);
	qb_json_real(json, "slower_after", probes->after);
	qb_json_real(json, "slower_between", probes->between);
	put_costs(json, "before_ns", &run->before);
	put_costs(json, "after_ns", &run->after);
	qb_json_end(json);
}

static void put_run(struct qb_json *json, const struct qb_result *run)
{
	qb_json_object(json, NULL);
	qb_json_array(json, "command");
	for (char *const *arg = run->argv; *arg; arg++)
		qb_json_text(json, NULL, *arg);
	qb_json_end(json);
	qb_record_put_exit(json, run->code, run->signal);
	qb_record_put_usage(json, &run->used);
	if (run->is_watched)
		put_watched(json, run);
	qb_json_end(json);
	if (run->is_watched) {
		put_probes(json, run);
		put_sources(json, run);
		put_timeline(json, run);
	}
	qb_json_text(json, "verdict", qb_record_noise_name(run->noise));
	qb_json_array(json, "reasons");
	if (run->spoilt)
		qb_json_text(json, NULL, run->spoilt);
	for (size_t i = 0; i < run->watched.n_reasons; i++)
		qb_json_text(json, NULL, run->watched.reasons[i]);
	qb_json_end(json);
	qb_json_end(json);
}

/* The steps that ended like this, as "lever unit: why". */
static void put_unrestored(struct qb_json *json, const char *key, const struct qb_steps *steps,
	enum qb_restored restored)
{
	qb_json_array(json, key);
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		char unit[QB_NAME_MAX + 64], line[QB_ERROR_MAX];
		if (step->restored != restored)
			continue;
		qb_lever_unit_name(step->lever, &step->unit, unit, sizeof(unit));
		qb_text_format(line, sizeof(line), "%s%s%s%s%s", qb_lever_name(step->lever),
			*unit ? " " : "", unit, step->reason ? ": " : "",
			step->reason ? step->reason : "");
		qb_json_text(json, NULL, line);
	}
	qb_json_end(json);
}

static void put_restore(struct qb_json *json, const struct qb_record *record)
{
	if (!record->is_restored) {
		qb_json_null(json, "restore");
		return;
	}
	qb_json_object(json, "restore");
	qb_json_bool(json, "complete", record->complete);
	put_unrestored(json, "conflicts", record->steps, QB_RESTORED_CONFLICT);
	put_unrestored(json, "failures", record->steps, QB_RESTORED_NO);
	put_unrestored(json, "owed", record->steps, QB_RESTORED_OWED);
	qb_json_end(json);
}

static int print_record(const struct qb_record *record, FILE *out, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/record/1");
	qb_json_object(json, "quietbench");
	qb_json_text(json, "version", QB_VERSION);
	qb_json_end(json);
	put_time(json, "started_at", record->started_at);
	qb_json_text(json, "conditioned", conditioned_name(record->conditioned));
	put_host(json, record->host);
	qb_json_profile(json, "profile", record->profile, record->request);
	put_cpus(json, record->selection);
	put_levers(json, record->steps);
	put_check(json, record->check);
	if (record->experiment)
		qb_record_put_experiment(json, record->experiment);
	qb_json_array(json, "runs");
	for (size_t i = 0; i < record->n_runs; i++)
		put_run(json, &record->runs[i]);
	if (record->experiment)
		qb_record_put_samples(json, record->experiment);
	qb_json_end(json);
	put_restore(json, record);
	return qb_json_print(json, out, err);
}

struct qb_record qb_record_of(const struct qb_condition *condition)
{
	const struct qb_answer *answer = &condition->answer;

	return (struct qb_record){.conditioned = qb_condition_reached(condition),
		.host = &answer->host,
		.profile = &answer->profile,
		.request = &condition->asked.request,
		.selection = &answer->selection,
		.steps = &answer->steps,
		.is_restored = qb_condition_was_ours(condition),
		.complete = condition->complete};
}

int qb_record_prepare(const char *file, struct qb_error *err)
{
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	if (qb_draft_open(&draft, file, 0, err) < 0)
		return qb_error_wrap(err, "cannot write the record to %s", file);
	return 0;
}

int qb_record_write(const char *file, const struct qb_record *record, struct qb_error *err)
{
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	if (qb_draft_open(&draft, file, 0, err) < 0 || print_record(record, draft.out, err) < 0 ||
		qb_draft_keep(&draft, err) < 0)
		return qb_error_wrap(err, "cannot write the record to %s", file);
	return 0;
}
