/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner.h: answers */
#include "planner.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/frequency.h>

static int send_it(enum qb_message_type type, void *message, size_t size, struct qb_error *err)
{
	int r = qb_message_send(0, type, message, size, NULL, 0);

	return r < 0 ? qb_error_errno(err, -r, "answer") : 0;
}

void qb_answer_missing(const char *name)
{
	struct qb_profile_message message = {0};

	qb_text_copy(message.profile.name, sizeof(message.profile.name), name);
	/* The error that follows says the same to a reader that does not understand this. */
	(void)qb_message_send(0, QB_MSG_PROFILE, &message, sizeof(message), NULL, 0);
}

int qb_answer_profile(const struct qb_profile *profile, struct qb_error *err)
{
	struct qb_profile_message message = {.profile = *profile};

	return send_it(QB_MSG_PROFILE, &message, sizeof(message), err);
}

int qb_answer_policy(struct qb_policy_message *policy, struct qb_error *err)
{
	return send_it(QB_MSG_POLICY, policy, sizeof(*policy), err);
}

int qb_answer_host(const struct qb_topology *topology, const struct qb_selection *selection,
	struct qb_error *err)
{
	unsigned cpu = qb_cpus_next(&selection->bench, 0);
	struct qb_host host = {
		.cpus = topology->n,
		.cores = topology->n_cores,
		.packages = topology->n_packages,
		.nodes = topology->n_nodes,
		.kinds = (uint32_t)topology->kinds,
		.boot_cpu = topology->boot_cpu,
		.guest = topology->guest,
	};
	struct qb_clock clock;

	qb_clock_read("", cpu, &clock);
	host.max_khz = clock.high;
	host.base_khz = clock.base;
	qb_text_copy(host.hypervisor, sizeof(host.hypervisor), topology->hypervisor);
	qb_text_copy(host.cpu_model, sizeof(host.cpu_model), topology->cpu_model);
	qb_text_copy(host.cpufreq_driver, sizeof(host.cpufreq_driver), clock.driver);
	return send_it(QB_MSG_HOST, &host, sizeof(host), err);
}

int qb_answer_pus(const struct qb_topology *topology, struct qb_error *err)
{
	for (unsigned at = 0; at < topology->n; at += QB_PUS_PER_MESSAGE) {
		unsigned n = topology->n - at;
		struct qb_pus message = {.n = n < QB_PUS_PER_MESSAGE ? n : QB_PUS_PER_MESSAGE};
		int r;

		memcpy(message.pus, topology->pus + at, message.n * sizeof(message.pus[0]));
		r = send_it(QB_MSG_PU, &message, sizeof(message), err);
		if (r < 0)
			return r;
	}
	return 0;
}

int qb_answer_selection(const struct qb_selection *selection, struct qb_error *err)
{
	struct qb_selection_message message = {.selection = *selection};

	return send_it(QB_MSG_SELECTION, &message, sizeof(message), err);
}

int qb_answer_steps(const struct qb_steps *steps, struct qb_error *err)
{
	int r = qb_message_send_steps(0, steps);

	return r < 0 ? qb_error_errno(err, -r, "answer") : 0;
}
