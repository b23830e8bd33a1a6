/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's cpufreq policies, as libcpupower reads them. For the planner alone; nothing is written
 * through libcpupower (its writers lose the errno and do not read back).
 *
 * Frequencies are kHz. What the kernel does not tell (an empty file, an offline policy) is 0 or "".
 */
#ifndef QB_HOST_CPUFREQ_H
#define QB_HOST_CPUFREQ_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stddef.h>
#include <stdint.h>

struct qb_cpufreq_policy {
	unsigned number; /* of policyN */
	struct qb_cpus
		cpus;	 /* online CPUs it governs; empty: an offline policy, all else unknown */
	char driver[32]; /* "intel_pstate", "acpi-cpufreq", … */
	char governor[32];
	char governors[256];	   /* those on offer, blanks between */
	int64_t low_khz, high_khz; /* what the hardware can (cpuinfo_min_freq, cpuinfo_max_freq) */
	int64_t min_khz, max_khz;  /* what is allowed now (scaling_min_freq, scaling_max_freq) */
};

struct qb_cpufreq {
	struct qb_cpufreq_policy *policies; /* ascending by number; owned */
	size_t n;			    /* 0: this host has no cpufreq; no error */
};

int qb_cpufreq_load(struct qb_cpufreq *ret, struct qb_error *err);
void qb_cpufreq_free(struct qb_cpufreq *cpufreq);

#endif
