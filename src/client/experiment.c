/* SPDX-License-Identifier: GPL-2.0-or-later */
/* experiment.h */
#include <base/macros.h>
#include <base/text.h>
#include <client/experiment.h>
#include <client/spawn.h>
#include <errno.h>
#include <fcntl.h>
#include <host/tasks.h>
#include <limits.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* More output of one run than that is no list of figures. */
#define OUTPUT_MAX (64 << 20)
/* So often it is looked at while a command runs: what is printed meanwhile fits into memory. */
#define GUARD_MS 50

static int open_output(bool kept, int *ret, struct qb_error *err)
{
	int fd = kept ? memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING)
		      : open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return qb_error_errno(err, errno, "keep the output of commands");
	*ret = fd;
	return 0;
}

int qb_experiment_begin(struct qb_experiment *e, struct qb_error *err)
{
	int r = 0;

	if (e->reads || !e->shows)
		r = open_output(e->reads, &e->out, err);
	if (r == 0 && (e->reads || !e->shows))
		r = open_output(true, &e->errors, err);
	return r;
}

static bool is_too_long(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > OUTPUT_MAX;
}

/*
 * A process that ends what prints without end, as a limit of file sizes would (setrlimit(2), which would
 * hold for the command's own files, too): by SIGXFSZ, which we relay. What ignores that, or was started
 * by it, can write no more; unless it has sealed its own output against seals: then it takes its user's memory,
 * as it may in any other way. 0: it could not be started; what is too long is seen after the run.
 */
static pid_t start_guard(const struct qb_experiment *e, const struct qb_selection *selection)
{
	const pid_t parent = getpid(), pid = fork();
	const int kept[] = {e->out, e->errors};

	if (pid != 0)
		return pid > 0 ? pid : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "quietbench-out");
	qb_task_keep_off(selection);
	for (int fd = 0; fd < (int)QB_ARRAY_SIZE(kept); fd++)
		if (dup3(kept[fd], fd, O_CLOEXEC) < 0)
			_exit(1);
	close_range(QB_ARRAY_SIZE(kept), UINT_MAX, 0);
	for (; getppid() == parent; poll(NULL, 0, GUARD_MS))
		for (int fd = 0; fd < (int)QB_ARRAY_SIZE(kept); fd++)
			if (is_too_long(fd)) {
				(void)fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
				kill(parent, SIGXFSZ);
				_exit(0);
			}
	_exit(0);
}

/* --prepare, --cleanup: what there is of it, on the housekeeping CPUs, untimed. */
static int run_shell(struct qb_experiment *e, struct qb_condition *condition, const char *what,
	const char *command, struct qb_error *err)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
	int status;

	if (!command)
		return 0;
	qb_experiment_pause(e);
	status = qb_spawn_wait(
		&(struct qb_spawn){.argv = argv, .silent = !e->shows}, &condition->job, err);
	if (status < 0)
		return status;
	if (qb_condition_interrupted(condition, err) < 0)
		return -QB_TOLD_TO_END;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return qb_error_set(err, ECANCELED, "%s failed with status %d: %s", what,
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), command);
	return 0;
}

static double mean_cost(const struct qb_probe *probe)
{
	double sum = 0;

	for (size_t i = 0; i < probe->n; i++) {
		if (probe->costs[i] <= 0)
			return 0;
		sum += probe->costs[i];
	}
	return probe->n ? sum / (double)probe->n : 0;
}

static int make_room(struct qb_experiment *e, struct qb_error *err)
{
	const size_t room = e->room ? 2 * e->room : 64;
	struct qb_sample *samples;

	if (e->n < e->room)
		return 0;
	samples = realloc(e->samples, room * sizeof(*samples));
	if (!samples)
		return qb_error_errno(err, ENOMEM, "keep run %zu", e->n + 1);
	e->samples = samples;
	e->room = room;
	return 0;
}

static void keep(struct qb_experiment *e, const struct qb_result *result, struct qb_sample sample)
{
	const char *reason = result->spoilt;

	if (!reason && result->watched.n_reasons)
		reason = result->watched.reasons[0];
	sample.started_at = result->started_at;
	sample.code = result->code;
	sample.signal = result->signal;
	sample.used = result->used;
	sample.others_ns = result->is_watched ? result->watched.others_ns : -1;
	sample.waited_ns = result->is_watched ? result->watched.waited_ns : -1;
	sample.steal_ns = result->is_watched && result->steal_known ? result->watched.steal_ns : -1;
	sample.before = mean_cost(&result->before);
	sample.after = mean_cost(&result->after);
	sample.noise = result->noise;
	sample.reason = reason ? strdup(reason) : NULL; /* without it the verdict stands */
	e->samples[e->n++] = sample;
}

/* What the last run printed is forgotten. */
static int empty(int fd, struct qb_error *err)
{
	struct stat st;

	if (fd <= 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return qb_error_errno(err, errno, "forget the output of the last run");
	return 0;
}

/* What was kept of the last run, to where it would have gone. */
static int show(int from, int to, struct qb_error *err)
{
	char part[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(from, part, sizeof(part), at)) > 0; at += n)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(to, part + done, (size_t)(n - done));
			if (w < 0)
				return qb_error_errno(err, errno, "show what the command printed");
		}
	return 0;
}

int qb_experiment_execute(struct qb_experiment *e, struct qb_condition *condition, unsigned program,
	unsigned round, bool warm_up, struct qb_error *err)
{
	const struct qb_program *p = &e->programs[program];
	const struct qb_execute_order order = {.path = p->path,
		.argv = p->argv,
		.out = e->out,
		.errors = e->errors,
		.repeated = true,
		.probe_ns = e->probe_ns,
		.before = &e->last,
		.usual = e->usual,
		.noisy_before = e->noisy_before,
		.prepared = e->n ? NULL : e->prepared};
	struct qb_result result = {0};
	int r = qb_condition_interrupted(condition, err);

	if (!e->guard && e->out > 0 && e->errors > 0)
		e->guard = start_guard(e, &condition->answer.selection);

	if (r == 0)
		r = make_room(e, err);
	if (r == 0)
		r = run_shell(e, condition, "--prepare", p->prepare, err);
	if (r == 0)
		r = empty(e->out, err);
	if (r == 0)
		r = empty(e->errors, err);
	if (r == 0)
		r = qb_execute(condition, &order, &result, err);
	if (r == 0 && condition->job.heard)
		r = qb_error_set(err, QB_TOLD_TO_END, "signal %d",
			condition->job.signal = condition->job.heard);
	if (r == 0) {
		keep(e, &result,
			(struct qb_sample){.program = program, .round = round, .warm_up = warm_up});
		e->last = result.after;
		result.after = (struct qb_probe){0};
	}
	if (r == 0 && e->shows && e->reads) {
		r = show(e->out, STDOUT_FILENO, err);
		if (r == 0)
			r = show(e->errors, STDERR_FILENO, err);
	}
	qb_result_free(&result);
	return r;
}

int qb_experiment_clean(
	struct qb_experiment *e, struct qb_condition *condition, struct qb_error *err)
{
	const struct qb_program *p = &e->programs[e->samples[e->n - 1].program];

	return run_shell(e, condition, "--cleanup", p->cleanup, err);
}

int qb_experiment_output(const struct qb_experiment *e, bool errors, char **ret, size_t *ret_size,
	struct qb_error *err)
{
	const int fd = errors ? e->errors : e->out;
	struct stat st;
	char *text;
	size_t at = 0;

	if (fstat(fd, &st) < 0)
		return qb_error_errno(err, errno, "look at what the command printed");
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return qb_error_errno(err, ENOMEM, "read what the command printed");
	while (at < (size_t)st.st_size) {
		const ssize_t n = pread(fd, text + at, (size_t)st.st_size - at, (off_t)at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	text[at] = '\0';
	*ret = text;
	*ret_size = at;
	return 0;
}

/* The last line of what the last command printed on its standard error, or "". */
static void read_complaint(const struct qb_experiment *e, char *buf, size_t size)
{
	char tail[512] = "";
	struct stat st;
	off_t from;
	ssize_t n = 0;
	char *line;

	if (e->errors > 0 && fstat(e->errors, &st) == 0) {
		from = st.st_size >= (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) + 1 : 0;
		n = pread(e->errors, tail, sizeof(tail) - 1, from);
	}
	while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\0'))
		tail[--n] = '\0';
	line = strrchr(tail, '\n');
	qb_text_copy(buf, size, line ? line + 1 : tail);
}

int qb_experiment_judge_exit(const struct qb_experiment *e, struct qb_error *err)
{
	const struct qb_sample *sample = &e->samples[e->n - 1];
	char complaint[160], before[64] = "";
	const bool kept = e->errors > 0, too_long = kept && is_too_long(e->out);
	size_t succeeded = 0;

	if (too_long || (kept && is_too_long(e->errors)))
		return qb_error_set(err, E2BIG,
			"run %zu (%s): the command printed more than %d MiB on its standard %s, which is kept "
			"in memory: let it print less, e.g. --shell 'CMD | tail -n 100'",
			e->n, e->programs[sample->program].name, OUTPUT_MAX >> 20,
			too_long ? "output" : "error");
	if (sample->code == 0)
		return 0;
	for (size_t i = 0; i < e->n; i++)
		succeeded += e->samples[i].program == sample->program && e->samples[i].code == 0;
	if (succeeded)
		qb_text_format(before, sizeof(before), ", after %zu that succeeded", succeeded);
	read_complaint(e, complaint, sizeof(complaint));
	return qb_error_set(err, ECHILD, "run %zu (%s) %s %d%s%s%s", e->n,
		e->programs[sample->program].name,
		sample->signal ? "was killed by signal" : "exited with",
		sample->signal ? sample->signal : sample->code, before, *complaint ? ": " : "",
		complaint);
}

void qb_experiment_spoil(struct qb_experiment *e, const char *why)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->samples[i].reason);
		e->samples[i].reason = strdup(why); /* without it the verdict stands */
		e->samples[i].noise = QB_NOISE_UNKNOWN;
	}
}

void qb_experiment_pause(struct qb_experiment *e)
{
	qb_probe_free(&e->last);
}

void qb_experiment_free(struct qb_experiment *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->samples[i].reason);
	free(e->samples);
	qb_probe_free(&e->last);
	if (e->guard) {
		kill(e->guard, SIGKILL);
		waitpid(e->guard, NULL, 0);
	}
	if (e->out > 0)
		close(e->out);
	if (e->errors > 0)
		close(e->errors);
	*e = (struct qb_experiment){0};
}

double qb_sample_probe(const struct qb_sample *sample)
{
	return sample->before > 0 && sample->after > 0 ? (sample->before + sample->after) / 2 : 0;
}
