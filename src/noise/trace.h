/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long each interrupt and softirq took on a CPU: by the kernel's own trace of them, in an
 * instance of tracefs that is private to this process (Documentation/trace/ftrace.rst, "Instances").
 *
 *	qb_trace_begin    makes it, for some CPUs
 *	qb_trace_drain    takes in what came; often enough, or records are lost (they are counted)
 *	qb_trace_end      no more; the instance goes
 *
 * It needs root and a kernel with tracing. It costs the traced CPU some tenths of a microsecond for
 * each event, so it is done only when asked for. The instance goes when this process does,
 * whatever ends it: another one of ours waits for that.
 *
 * Times are whole microseconds each, and exact on average. What one handler was interrupted for
 * counts for the other alone.
 */
#ifndef QB_NOISE_TRACE_H
#define QB_NOISE_TRACE_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QB_TRACE_ROWS  64
#define QB_TRACE_DEPTH 8
#define QB_TRACE_NAME  48

struct qb_traced {
	char name[QB_TRACE_NAME]; /* "IRQ 33 virtio0-input.0", "softirq TIMER", "timer interrupt" */
	int64_t ns, longest_ns;
	uint64_t times;
};

struct qb_trace_cpu {
	unsigned cpu;
	int fd;
	struct qb_traced rows[QB_TRACE_ROWS]; /* after the end: the greatest first */
	size_t n;
	uint64_t lost;
	/* of the parser */
	struct {
		size_t row;
		int64_t at_ns, inner_ns;
	} stack[QB_TRACE_DEPTH];
	size_t depth;
	char rest[512]; /* of a line that has not all come */
};

struct qb_trace {
	int64_t from_ns, until_ns; /* given (CLOCK_MONOTONIC); 0: all counts */
	size_t n;
	struct qb_trace_cpu *of; /* owned; ascending */
	char folder[128];
	int alive;     /* its end tells the cleaner of ours */
	pid_t cleaner; /* 0: there is none */
};

int qb_trace_begin(struct qb_trace *ret, const struct qb_cpus *cpus, struct qb_error *err);
void qb_trace_drain(struct qb_trace *trace);
void qb_trace_end(struct qb_trace *trace, int64_t until_ns);
void qb_trace_free(struct qb_trace *trace);

/* Takes in text as trace_pipe gives it; pure. */
void qb_trace_take(const struct qb_trace *trace, struct qb_trace_cpu *of, const char *text);

#endif
