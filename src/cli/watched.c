/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watched.h */
#include <base/macros.h>
#include <cli/watched.h>

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

void qb_watched_counters(struct qb_json *json, const struct qb_watched *watched)
{
	const struct qb_tally *tally = &watched->watch->tally;

	qb_json_number(json, "others_ns", watched->others_ns);
	qb_json_number(json, "others_uncertain_ns", watched->uncertain_ns);
	qb_json_number(json, "steal_ns", watched->steal_ns);
	qb_json_number(json, "throttled", (int64_t)watched->throttled);
	qb_json_number(json, "swapped_in", (int64_t)watched->swapped);
	qb_json_number(json, "own_waits_ns", watched->waited_ns);
	put_look(json, tally, &tally->looks[1]);
	put_table(json, "interrupts", tally, &tally->interrupts);
	put_table(json, "softirqs", tally, &tally->softirqs);
}

static void put_sources(struct qb_json *json, const struct qb_watch *watch)
{
	const char *switches = "ticks", *pressure = NULL;

	if (qb_watcher_is_open(&watch->watcher))
		switches = "perf";
	else if (watch->watcher.lent)
		switches = "helper";
	if (watch->tally.pressure_known)
		pressure = watch->tally.own_pressure ? "group" : "host";
	qb_json_object(json, "sources");
	qb_json_text(json, "switches", switches);
	qb_json_text(json, "pressure", pressure);
	qb_json_text(json, "quota", watch->tally.quota_known ? "group" : NULL);
	qb_json_text(json, "steal", watch->steal_known ? "stat" : NULL);
	qb_json_end(json);
}

void qb_watched_timeline(struct qb_json *json, const struct qb_watched *watched)
{
	const struct qb_watch *watch = watched->watch;

	put_sources(json, watch);
	qb_json_object(json, "timeline");
	qb_json_number(json, "interval_ns", watch->interval_ns);
	qb_json_array(json, "samples");
	for (size_t i = 0; i < watch->n_samples; i++) {
		const struct qb_watch_sample *sample = &watch->samples[i];

		qb_json_object(json, NULL);
		qb_json_number(json, "at_ns", sample->at_ns);
		if (sample->others_ns < 0)
			qb_json_null(json, "others_ns");
		else
			qb_json_number(json, "others_ns", sample->others_ns);
		qb_json_number(json, "steal_ns", sample->steal_ns);
		put_look(json, &watch->tally, &sample->look);
		qb_json_end(json);
	}
	qb_json_end(json);
	qb_json_end(json);
}
