/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_text.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/outcome.h>
#include <cli/run_text.h>
#include <client/privilege.h>
#include <client/require.h>
#include <client/say.h>
#include <errno.h>
#include <levers/frequency.h>
#include <quietbench/lever.h>

/* How many names of one reason are shown before "and N more". */
#define NAMES_MAX 4

static bool took_effect(const struct qb_step *step)
{
	return step->wanted &&
	       (step->status == QB_STATUS_APPLIED || step->status == QB_STATUS_UNCHANGED);
}

/* Are other tasks really kept off the benchmark's CPUs, whatever was planned? */
static bool is_isolated(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		unsigned lever = steps->v[i].lever;

		if ((lever == QB_LEVER_PARTITION || lever == QB_LEVER_TASK_GROUP ||
			    lever == QB_LEVER_TASK_AFFINITY) &&
			took_effect(&steps->v[i]))
			return true;
	}
	return false;
}

/* `holder`: the session that was joined, "" where none was. */
static void say_cpus(const struct qb_answer *answer, const char *holder)
{
	const struct qb_selection *chosen = &answer->selection;
	const struct qb_host *host = &answer->host;
	const char *joined = *holder ? "joined " : "", *colon = *holder ? ": " : "";
	char line[512], cpus[256], seen[64] = "";
	const bool fewer = qb_lines_seen(&answer->profile, host, chosen, seen, sizeof(seen));

	if (is_isolated(&answer->steps)) {
		qb_lines_head(&answer->profile, host, chosen, line, sizeof(line));
	} else {
		qb_text_format(line, sizeof(line),
			"%s%s%s%s: benchmark on CPU%s %s, other tasks are not kept off",
			answer->profile.name, host->guest ? " (" : "",
			host->guest ? host->hypervisor : "",
			!host->guest	    ? ""
			: *host->hypervisor ? " guest)"
					    : "guest)",
			qb_cpus_count(&chosen->bench) == 1 ? "" : "s",
			qb_cpus_text(&chosen->bench, cpus, sizeof(cpus)));
	}
	qb_say(QB_SAY_NOTE, "%s%s%s%s%s%s", joined, holder, colon, line, fewer ? "; " : "", seen);
	if (chosen->note[0])
		qb_say(QB_SAY_NOTE, "%s", chosen->note);
	if (chosen->why[0])
		qb_say(QB_SAY_DETAIL, "%s", chosen->why);
}

void qb_run_text_not_conditioned(const struct qb_answer *answer, const char *why)
{
	char text[PATH_MAX + QB_ERROR_MAX];

	qb_privilege_explain(why, text, sizeof(text));
	qb_say(QB_SAY_WARN, "NOT CONDITIONED: %s", text);
	say_cpus(answer, "");
}

static void say_clock(const struct qb_answer *answer)
{
	struct qb_clock clock;
	char line[160];

	qb_clock_read("", qb_cpus_next(&answer->selection.bench, 0), &clock);
	if (qb_lines_clock(&answer->steps, clock.policy, line, sizeof(line)))
		qb_say(QB_SAY_NOTE, "%s", line);
}

/* Single interrupts or threads that stay: "; 3 IRQs stay (why)", without what is in brackets there:
 * that is `plan`'s. */
static void append_staying(const struct qb_steps *steps, enum qb_unit_kind kind, const char *noun,
	char *buf, size_t size)
{
	char reason[128] = "";
	unsigned n = 0;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		const char *why = step->reason ? step->reason : "no reason given";

		if (qb_levers[step->lever].unit != kind || !step->wanted || took_effect(step))
			continue;
		qb_text_format(reason, sizeof(reason), "%.*s", (int)strcspn(why, "("), why);
		n++;
	}
	while (n && *reason && reason[strlen(reason) - 1] == ' ')
		reason[strlen(reason) - 1] = '\0';
	if (n)
		qb_text_append(
			buf, size, "; %u %s%s (%s)", n, noun, n == 1 ? " stays" : "s stay", reason);
}

static void say_count(const struct qb_steps *steps)
{
	bool applied[QB_KEY_COUNT] = {0};
	char stay[320] = "";
	unsigned n = 0;

	for (size_t i = 0; i < steps->n; i++) {
		enum qb_key key = qb_levers[steps->v[i].lever].key;

		n += took_effect(&steps->v[i]) && !applied[key];
		applied[key] = applied[key] || took_effect(&steps->v[i]);
	}
	append_staying(steps, QB_UNIT_IRQ, "IRQ", stay, sizeof(stay));
	append_staying(steps, QB_UNIT_TASK, "thread", stay, sizeof(stay));
	qb_say(QB_SAY_NOTE, "%u lever%s applied%s", n, n == 1 ? "" : "s", stay);
}

/* Missing, or something less than what was asked for. */
static bool deserves_words(const struct qb_step *step)
{
	return qb_require_lacks(step) || (step->status == QB_STATUS_APPLIED && step->reason);
}

static bool same_reason(const struct qb_step *a, const struct qb_step *b)
{
	return deserves_words(b) && a->reason && b->reason && strcmp(a->reason, b->reason) == 0;
}

/* One line for all levers that are missing for the reason of step `at`, if it is its first. */
static void say_reason(const struct qb_steps *steps, size_t at)
{
	const struct qb_step *first = &steps->v[at];
	bool seen[QB_KEY_COUNT] = {0};
	char names[512] = "";
	unsigned n = 0;

	for (size_t i = 0; i < at; i++)
		if (same_reason(first, &steps->v[i]))
			return;
	for (size_t i = at; i < steps->n; i++) {
		enum qb_key key = qb_levers[steps->v[i].lever].key;

		if (seen[key] || (i != at && !same_reason(first, &steps->v[i])))
			continue;
		seen[key] = true;
		if (n++ < NAMES_MAX || qb_say_shows(QB_SAY_DETAIL))
			qb_text_join(names, sizeof(names), ", ", "%s", qb_keys[key].name);
	}
	if (n > NAMES_MAX && !qb_say_shows(QB_SAY_DETAIL))
		qb_say(QB_SAY_NOTE, "%s and %u more: %s", names, n - NAMES_MAX,
			first->reason ? first->reason : "no reason given");
	else
		qb_say(QB_SAY_NOTE, "%s: %s", names,
			first->reason ? first->reason : "no reason given");
}

/* -v: what changed, as `plan` shows it. */
static void say_changes(const struct qb_steps *steps)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out;

	if (!qb_say_shows(QB_SAY_DETAIL))
		return;
	out = open_memstream(&text, &size);
	if (!out)
		return; /* no memory for details; the lines above said what matters */
	qb_lines_changes(out, steps, QB_STATUS_APPLIED, NULL);
	if (fclose(out) != 0)
		return;
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchrnul(line, '\n');
		qb_say(QB_SAY_DETAIL, "%.*s", (int)(end - line), line);
		if (!*end)
			break;
	}
}

/* -v: what was asked for and needs nothing, and why: a unit that this host does not have. */
static void say_needless(const struct qb_steps *steps)
{
	char name[96];

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if (step->status != QB_STATUS_UNCHANGED || !step->wanted || !step->reason ||
			qb_levers[step->lever].unit == QB_UNIT_TASK)
			continue;
		qb_lever_unit_name(step->lever, &step->unit, name, sizeof(name));
		qb_say(QB_SAY_DETAIL, "%s %s: %s", qb_lever_name(step->lever), name, step->reason);
	}
}

void qb_run_text_conditioned(const struct qb_condition *condition)
{
	const struct qb_answer *answer = &condition->answer;

	say_cpus(answer, condition->session.with.holder);
	if (answer->joined && !answer->shared)
		return;
	say_clock(answer);
	say_count(&answer->steps);
	for (size_t i = 0; i < answer->steps.n; i++)
		if (deserves_words(&answer->steps.v[i]))
			say_reason(&answer->steps, i);
	say_changes(&answer->steps);
	say_needless(&answer->steps);
}

void qb_run_text_others(const struct qb_condition *condition)
{
	const struct qb_selection *chosen = &condition->answer.selection;
	struct qb_cpus left = condition->session.with.taken;
	char others[QB_ERROR_MAX];

	if (qb_session_others(&condition->session.with, &chosen->bench, others, sizeof(others)))
		qb_say(QB_SAY_WARN, "%s, and this run shares it: neither is undisturbed", others);
	qb_cpus_andnot(&left, &chosen->bench);
	if (!qb_condition_chooses(condition) &&
		qb_session_others(&condition->session.with, &left, others, sizeof(others)))
		qb_say(QB_SAY_NOTE, "%s, and keeps it", others);
}

void qb_run_text_affinity(const struct qb_condition *condition, const struct qb_cpus *mask)
{
	const struct qb_answer *answer = &condition->answer;
	const struct qb_selection *chosen = &answer->selection;
	const bool moved = answer->profile.set[QB_KEY_PROCESS_PIN].number ||
			   chosen->isolation != QB_ISOLATION_NONE;
	char wish[128], cpus[128];

	if (!moved || qb_cpus_empty(mask) || qb_cpus_subset(&chosen->bench, mask))
		return;
	/* Whoever conditioned the host has put its tasks on the housekeeping CPUs: no wish. */
	if (answer->joined && qb_cpus_subset(&chosen->housekeeping, mask))
		return;
	qb_say(QB_SAY_NOTE, "the caller's affinity (%s) gives way to the benchmark's CPU%s %s",
		qb_cpus_text(mask, wish, sizeof(wish)),
		qb_cpus_count(&chosen->bench) == 1 ? "" : "s",
		qb_cpus_text(&chosen->bench, cpus, sizeof(cpus)));
}

void qb_run_text_process(const struct qb_answer *answer)
{
	for (size_t i = 0; i < answer->steps.n; i++) {
		const struct qb_step *step = &answer->steps.v[i];

		if (qb_levers[step->lever].where != QB_LEVER_CHILD)
			continue;
		if (step->status == QB_STATUS_FAILED)
			qb_say(QB_SAY_WARN, "%s: cannot be set to %s: %s",
				qb_lever_name(step->lever), step->wanted, step->reason);
		else if (step->status == QB_STATUS_UNSUPPORTED && step->wanted)
			qb_say(QB_SAY_NOTE, "%s: %s", qb_lever_name(step->lever), step->reason);
		else if (took_effect(step))
			qb_say(QB_SAY_DETAIL, "%s: %s", qb_lever_name(step->lever), step->wanted);
	}
}

bool qb_run_text_waits(const struct qb_result *run, char *buf, size_t size)
{
	const struct qb_watched *w = &run->watched;
	const char *s = run->cpus == 1 ? "" : "s";

	if (w->threads < 2 || w->waited_ns - w->others_ns <= run->used.wall_ns / 20)
		return false;
	if (run->unspread)
		qb_text_format(buf, size,
			"%u threads shared CPUs, and some of these %u were isolated at boot: the "
			"kernel does not spread threads over them, so pin each thread",
			w->threads, run->cpus);
	else if (w->threads <= run->cpus)
		return false;
	else if (w->threads <= run->most)
		qb_text_format(buf, size, "%u threads shared %u CPU%s: try -n %u", w->threads,
			run->cpus, s, w->threads);
	else if (run->cpus < run->most)
		qb_text_format(buf, size, "%u threads shared %u CPU%s: try -n max, which gives %u",
			w->threads, run->cpus, s, run->most);
	else
		qb_text_format(buf, size, "%u threads shared %u CPU%s", w->threads, run->cpus, s);
	return true;
}

void qb_run_text_result(const struct qb_result *run)
{
	static const char *const words[] = {[QB_NOISE_UNKNOWN] = "unknown",
		[QB_NOISE_QUIET] = "quiet",
		[QB_NOISE_NOISY] = "NOISY"};
	const struct qb_watched *w = &run->watched;
	char took[48], ended[96] = "", preempted[64] = "", why[512] = "", waits[192];

	if (run->used.wall_ns < 1000000000)
		qb_text_format(took, sizeof(took), "%.2f ms", (double)run->used.wall_ns / 1e6);
	else
		qb_text_format(took, sizeof(took), "%.2f s", (double)run->used.wall_ns / 1e9);
	if (run->signal)
		qb_text_format(ended, sizeof(ended), ", ended by signal %d (%s)", run->signal,
			strsignal(run->signal));
	else if (run->code)
		qb_text_format(ended, sizeof(ended), ", status %d", run->code);
	if (run->noise != QB_NOISE_UNKNOWN)
		qb_text_format(preempted, sizeof(preempted), ", preempted %.2f %%",
			100.0 * (double)w->others_ns / ((double)run->used.wall_ns * run->cpus));
	for (size_t i = 0; i < w->n_reasons && run->noise != QB_NOISE_QUIET; i++)
		qb_text_join(why, sizeof(why), "; ", "%s", w->reasons[i]);
	if (!run->is_watched)
		qb_text_copy(why, sizeof(why), "it was not watched");
	if (w->slowed && !run->spoilt)
		qb_say(QB_SAY_NOTE, "not preempted, %s%s; %s", took, ended, why);
	else
		qb_say(run->noise == QB_NOISE_NOISY ? QB_SAY_WARN : QB_SAY_NOTE, "%s: %s%s%s%s%s",
			words[run->noise], took, ended, preempted, *why ? ": " : "", why);
	if (qb_run_text_waits(run, waits, sizeof(waits)))
		qb_say(QB_SAY_NOTE, "%s", waits);
}

/* "frequency.governor policy0, irqs.move irq33 and 7 more" of the steps that ended so. */
static void name_steps(
	const struct qb_steps *steps, enum qb_restored restored, char *buf, size_t size)
{
	unsigned n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		char unit[QB_NAME_MAX + 64];

		if (step->restored != restored || n++ >= NAMES_MAX)
			continue;
		qb_lever_unit_name(step->lever, &step->unit, unit, sizeof(unit));
		qb_text_join(buf, size, ", ", "%s%s%s", qb_lever_name(step->lever),
			*unit ? " " : "", unit);
		if (restored == QB_RESTORED_NO && step->reason)
			qb_text_append(buf, size, " (%s)", step->reason);
	}
	if (n > NAMES_MAX)
		qb_text_append(buf, size, " and %u more", n - NAMES_MAX);
}

static void say_leftovers(const struct qb_session *session)
{
	char names[512] = "";
	unsigned kept = session->n_leftovers < QB_SESSION_LEFTOVERS ? session->n_leftovers
								    : QB_SESSION_LEFTOVERS;

	if (!session->n_leftovers)
		return;
	for (unsigned i = 0; i < kept; i++)
		qb_text_join(names, sizeof(names), ", ", "%s (%d)", session->leftovers[i].comm,
			session->leftovers[i].pid);
	qb_say(QB_SAY_WARN, "still running after the command, moved back: %s%s", names,
		kept < session->n_leftovers ? " and more" : "");
}

void qb_run_text_left(const struct qb_answer *answer, const struct qb_session *session)
{
	say_leftovers(session);
	if (answer->shared && answer->done.joined)
		qb_say(QB_SAY_NOTE, "the host stays conditioned for the other shared runs");
	if (answer->done.over)
		qb_say(QB_SAY_WARN,
			"the host was restored during the run: the session it had joined ended "
			"first; discard this measurement");
}

void qb_run_text_restored(const struct qb_answer *answer, const struct qb_session *session)
{
	const struct qb_done *done = &answer->done;
	struct qb_error err = {0};
	char names[1024];

	say_leftovers(session);
	if (done->recovered)
		qb_say(QB_SAY_WARN,
			"the helper ended before the command did%s; discard this measurement",
			done->complete ? ", and the host was restored meanwhile" : "");
	if (done->over)
		qb_say(QB_SAY_WARN, "the host was restored before the command ended; discard this "
				    "measurement");
	if (done->conflicts) {
		name_steps(&answer->steps, QB_RESTORED_CONFLICT, names, sizeof(names));
		qb_say(QB_SAY_WARN, "changed by another program meanwhile and left as it is: %s",
			names);
	}
	if (qb_outcome_say(QB_SAY_WARN, QB_OUTCOME_OWED, &answer->steps, QB_RESTORED_OWED, &err) <
		0)
		qb_say(QB_SAY_WARN, "%s", err.text);
	if (qb_outcome_count(&answer->steps, QB_RESTORED_OWED))
		qb_say(QB_SAY_WARN, "then, for these: sudo %s restore", program_invocation_name);
	if (done->complete) {
		qb_say(QB_SAY_NOTE, "restored");
		return;
	}
	name_steps(&answer->steps, QB_RESTORED_NO, names, sizeof(names));
	qb_say(QB_SAY_ERROR, "NOT RESTORED completely%s%s; try: sudo %s restore",
		*names ? ": " : "", names, program_invocation_name);
}
