/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: the sources of a measurement, and why some tell nothing on this host. */
#include <base/macros.h>
#include <cli/noise.h>

size_t qb_noise_sources(const struct qb_measure *m, struct qb_noise_source ret[QB_NOISE_SOURCES])
{
	const struct qb_measure_cpu *of = &m->of[0];
	const bool seen = qb_watcher_knows(&m->watcher);
	const struct qb_noise_source sources[] = {
		{"clock", "the CPU's own counter, without a system call",
			of->loop->direct ? NULL
					 : "the kernel does not trust it, so CLOCK_MONOTONIC_RAW "
					   "is asked"},
		{"preemptions", "which gaps were preemptions",
			of->loop->preempt.by == QB_PREEMPT_NONE
				? "neither rseq nor the count of switches told a forced one"
				: NULL},
		{"gaps", "each gap, one by one",
			of->loop->gaps_unkept
				? "too many came to keep all: the first ones were kept, the later ones only summed up"
				: NULL},
		{"switches", "which tasks ran, when and how often (perf)",
			seen ? NULL : m->not_watched.text},
		{"accounts", "which tasks used CPU time, on any CPU (schedstat)",
			seen ? "not needed beside the switches" : NULL},
		{"waits", "how long the loop waited for other tasks (schedstat)",
			of->waited[0] < 0 ? "this kernel keeps no such account" : NULL},
		{"interrupts", "how often each interrupt came (/proc/interrupts)",
			m->sources.n ? NULL : "this kernel lists none"},
		{"trace", "how long each interrupt took (tracefs)",
			m->trace.n ? NULL : "not asked for (--trace)"},
		{"steal", "time that a hypervisor took",
			!of->steal	  ? "this kernel tells none"
			: m->steal_untold ? "the hypervisor has told none since boot"
					  : NULL},
		{"throttling", "a clock lowered because of heat",
			m->throttled_told ? NULL : "this host counts none (guests do not)"},
		{"quota", "a control group kept off its CPUs",
			m->quota_told ? NULL : "no control group of version 2 counts it"},
	};

	_Static_assert(QB_ARRAY_SIZE(sources) == QB_NOISE_SOURCES, "room for all");
	memcpy(ret, sources, sizeof(sources));
	return QB_ARRAY_SIZE(sources);
}
