/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.h: the instance. */
#include "trace.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Some 5,000 events for each CPU, and they are read ten times a second. */
#define BUFFER_KB "1024"

static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

/* Folders of events; not every architecture has all of them. */
static const char *const events[] = {"irq/irq_handler_entry", "irq/irq_handler_exit",
	"irq/softirq_entry", "irq/softirq_exit", "irq_vectors/local_timer_entry",
	"irq_vectors/local_timer_exit", "irq_vectors/reschedule_entry",
	"irq_vectors/reschedule_exit", "irq_vectors/call_function_entry",
	"irq_vectors/call_function_exit", "irq_vectors/call_function_single_entry",
	"irq_vectors/call_function_single_exit", "irq_vectors/irq_work_entry",
	"irq_vectors/irq_work_exit", "irq_vectors/thermal_apic_entry",
	"irq_vectors/thermal_apic_exit", "ipi/ipi_entry", "ipi/ipi_exit"};

static int put(
	const struct qb_trace *trace, const char *file, const char *text, struct qb_error *err)
{
	char path[sizeof(trace->folder) + 64];

	qb_text_format(path, sizeof(path), "%s/%s", trace->folder, file);
	return qb_file_write(path, text, err);
}

/* ---- its end ---- */

/* The pipes are closed a moment after the process has died. */
static void remove_instance(const struct qb_trace *trace)
{
	const struct timespec moment = {.tv_nsec = 10000000};

	(void)put(trace, "events/enable", "0", NULL); /* which the removal does as well */
	for (int i = 0; i < 500 && rmdir(trace->folder) < 0 && errno == EBUSY; i++)
		nanosleep(&moment, NULL);
}

/* Waits until nobody holds the other end of the pipe. */
static _Noreturn void clean_up(const struct qb_trace *trace, int end)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "quietbench-trace");
	/* Nothing of the caller's stays open because of us: sessions, pipes that somebody reads. */
	if (dup2(end, 0) < 0 || close_range(1, ~0u, 0) < 0)
		_exit(EXIT_FAILURE);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	remove_instance(trace);
	_exit(EXIT_SUCCESS);
}

static int start_cleaner(struct qb_trace *trace, struct qb_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return qb_error_errno(err, errno, "make a pipe to the tracer's cleaner");
	trace->alive = ends[1];
	trace->cleaner = fork();
	if (trace->cleaner == 0)
		clean_up(trace, ends[0]);
	close(ends[0]);
	if (trace->cleaner < 0) {
		trace->cleaner = 0;
		return qb_error_errno(err, errno, "start the tracer's cleaner");
	}
	return 0;
}

static void close_instance(struct qb_trace *trace)
{
	for (size_t i = 0; i < trace->n; i++)
		if (trace->of[i].fd >= 0)
			close(trace->of[i].fd);
	for (size_t i = 0; i < trace->n; i++)
		trace->of[i].fd = -1;
	if (trace->alive >= 0)
		close(trace->alive);
	trace->alive = -1;
	if (trace->cleaner)
		while (waitpid(trace->cleaner, NULL, 0) < 0 && errno == EINTR)
			;
	if (*trace->folder)
		remove_instance(trace); /* there is none left, unless somebody killed the cleaner */
	trace->cleaner = 0;
	trace->folder[0] = '\0';
}

void qb_trace_free(struct qb_trace *trace)
{
	if (!trace->of)
		return;
	close_instance(trace);
	free(trace->of);
	*trace = (struct qb_trace){.alive = -1};
}

/* ---- its beginning ---- */

static int make_instance(struct qb_trace *trace, struct qb_error *err)
{
	int code = ENOENT;

	for (size_t i = 0; i < QB_ARRAY_SIZE(places); i++) {
		qb_text_format(trace->folder, sizeof(trace->folder), "%s/instances/quietbench-%d",
			places[i], (int)getpid());
		if (mkdir(trace->folder, 0700) == 0)
			return 0;
		if (errno != ENOENT)
			code = errno;
	}
	trace->folder[0] = '\0';
	if (code == ENOENT)
		return qb_error_set(err, ENOENT,
			"trace interrupts: there is no tracefs here; try: mount -t tracefs tracefs "
			"/sys/kernel/tracing");
	return qb_error_errno(err, code, "trace interrupts: make an instance of tracefs%s",
		code == EACCES || code == EPERM ? " (it needs root)" : "");
}

static int configure(const struct qb_trace *trace, const struct qb_cpus *cpus, struct qb_error *err)
{
	char mask[QB_CPUS_TEXT], file[64];
	int r = qb_cpus_format_hex(cpus, 0, mask, sizeof(mask));
	size_t enabled = 0;

	if (r < 0)
		return qb_error_errno(err, -r, "name the CPUs to trace");
	r = put(trace, "trace_clock", "mono", err);
	if (r == 0)
		r = put(trace, "tracing_cpumask", mask, err);
	if (r == 0)
		r = put(trace, "buffer_size_kb", BUFFER_KB, err);
	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(events); i++) {
		qb_text_format(file, sizeof(file), "events/%s/enable", events[i]);
		enabled += put(trace, file, "1", NULL) == 0;
	}
	if (r == 0 && enabled == 0)
		return qb_error_set(err, EOPNOTSUPP,
			"trace interrupts: this kernel has no events of interrupts");
	return r;
}

static int open_pipe(struct qb_trace *trace, unsigned cpu, struct qb_error *err)
{
	struct qb_trace_cpu *of = &trace->of[trace->n++];
	char path[sizeof(trace->folder) + 64];

	of->cpu = cpu;
	qb_text_format(path, sizeof(path), "%s/per_cpu/cpu%u/trace_pipe", trace->folder, cpu);
	of->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return of->fd < 0 ? qb_error_errno(err, errno, "open %s", path) : 0;
}

int qb_trace_begin(struct qb_trace *ret, const struct qb_cpus *cpus, struct qb_error *err)
{
	struct qb_trace trace = {.alive = -1};
	int r;

	trace.of = calloc(qb_cpus_count(cpus) + 1, sizeof(*trace.of));
	if (!trace.of)
		return qb_error_errno(err, ENOMEM, "trace interrupts");
	r = make_instance(&trace, err);
	if (r == 0)
		r = start_cleaner(&trace, err);
	if (r == 0)
		r = configure(&trace, cpus, err);
	qb_cpus_foreach (cpu, cpus)
		if (r == 0)
			r = open_pipe(&trace, cpu, err);
	if (r < 0)
		qb_trace_free(&trace);
	else
		*ret = trace;
	return r;
}

/* ---- meanwhile ---- */

void qb_trace_drain(struct qb_trace *trace)
{
	static char text[65536];

	for (size_t i = 0; i < trace->n; i++) {
		ssize_t n;

		while ((n = read(trace->of[i].fd, text, sizeof(text) - 1)) > 0) {
			text[n] = '\0';
			qb_trace_take(trace, &trace->of[i], text);
		}
	}
}

static int compare(const void *a, const void *b)
{
	const struct qb_traced *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

void qb_trace_end(struct qb_trace *trace, int64_t until_ns)
{
	trace->until_ns = until_ns;
	qb_trace_drain(trace);
	close_instance(trace);
	for (size_t i = 0; i < trace->n; i++)
		qsort(trace->of[i].rows, trace->of[i].n, sizeof(trace->of[i].rows[0]), compare);
}
