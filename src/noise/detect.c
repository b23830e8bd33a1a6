/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detect.h */
#include "detect.h"
#include "measure.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stats/describe.h>

#define RUNS_MAX 1000

_Static_assert(QB_DETECT_RUN_NS >= QB_LOOP_WINDOW_NS, "a piece has a window at least");

int64_t qb_detect_duration(int64_t run_ns)
{
	return QB_DETECT_PIECES * run_ns;
}

unsigned qb_detect_runs(double cv, double change)
{
	for (unsigned runs = 2; runs <= RUNS_MAX; runs++)
		if (qb_stats_detectable(cv, runs) <= change)
			return runs;
	return 0;
}

/* Mean and squares of a sequence, one value after the other (Welford 1962). */
struct spread {
	size_t n;
	double mean, squares;
};

static void add(struct spread *spread, double value)
{
	const double off = value - spread->mean;

	spread->mean += off / (double)++spread->n;
	spread->squares += off * (value - spread->mean);
}

static double deviation(const struct spread *spread)
{
	return spread->n > 1 ? sqrt(spread->squares / (double)(spread->n - 1)) : 0;
}

/* One CPU: how the time for the same work differs from piece to piece, and what gaps add. */
static void look_at(const struct qb_measure_cpu *of, size_t windows, size_t per_piece,
	struct spread *speed, struct spread *gaps)
{
	for (size_t at = 0; at + per_piece <= windows; at += per_piece) {
		double chunk = 0, gap = 0;
		size_t known = 0;

		for (size_t i = at; i < at + per_piece; i++) {
			const struct qb_loop_window *window = &of->loop->windows[i];

			gap += (double)window->gap_ns;
			chunk += (double)window->chunk_ns;
			known += window->chunk_ns > 0;
		}
		add(gaps, gap / (double)((int64_t)per_piece * QB_LOOP_WINDOW_NS));
		if (known)
			add(speed, chunk / (double)known / of->chunk_ns);
	}
}

int qb_detect_judge(struct qb_measure *measure, struct qb_error *err)
{
	struct qb_detect *detect = &measure->detect;
	const size_t per_piece =
		(size_t)((detect->run_ns + QB_LOOP_WINDOW_NS / 2) / QB_LOOP_WINDOW_NS);
	const size_t windows = (size_t)(measure->ns / QB_LOOP_WINDOW_NS);

	if (!per_piece || windows / per_piece < QB_DETECT_PIECES)
		return qb_error_set(err, ENODATA,
			"%.1f s are too short to predict runs of %g s: at least %g s (--duration)",
			(double)measure->ns / 1e9, (double)detect->run_ns / 1e9,
			(double)qb_detect_duration(detect->run_ns) / 1e9);
	detect->cv = -1;
	for (size_t i = 0; i < measure->n; i++) {
		struct spread speed = {0}, gaps = {0};
		double cv;

		look_at(&measure->of[i], windows, per_piece, &speed, &gaps);
		cv = sqrt(pow(deviation(&speed), 2) + pow(deviation(&gaps), 2));
		if (cv <= detect->cv)
			continue;
		detect->cv = cv;
		detect->speed = deviation(&speed);
		detect->gaps = deviation(&gaps);
		detect->pieces = gaps.n;
	}
	detect->change = qb_stats_detectable(detect->cv, detect->runs);
	if (detect->wanted > 0 && detect->change > detect->wanted)
		measure->verdict = QB_VERDICT_OF_FAIL;
	return 0;
}
