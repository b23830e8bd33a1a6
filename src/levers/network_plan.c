/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: which CPUs handle packets: those that the receiving one hands them to (RPS), and those
 * that a sending queue serves (XPS). An empty mask means off, and stays.
 *
 * Where siblings go offline XPS is remembered in any case: some drivers (virtio_net) spread it anew.
 */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/planning.h>

#define NET "/sys/class/net"

struct network {
	struct qb_steps *steps;
	struct qb_housekeeping housekeeping;
	bool move, hotplug;
	const char *interface;
};

/* A queue without such a mask (an interface with one queue has no XPS: ENOENT) has no step. */
static int plan_queue(void *data, const char *queue)
{
	const struct network *net = data;
	const unsigned lever = *queue == 'r' ? QB_LEVER_NETWORK : QB_LEVER_NETWORK_SEND;
	struct qb_unit unit = qb_unit_none();
	char before[QB_TEXT_MAX], wanted[QB_TEXT_MAX];
	bool moves;

	if (!qb_text_format(unit.name, sizeof(unit.name), "%s/%s", net->interface, queue) ||
		qb_lever_read(lever, &unit, before, sizeof(before), NULL) < 0)
		return 0;
	moves = net->move &&
		qb_housekeeping_clear_mask(&net->housekeeping, before, wanted, sizeof(wanted));
	if (!moves && !(net->hotplug && lever == QB_LEVER_NETWORK_SEND))
		return 0;
	return qb_steps_add(net->steps, lever, unit, before, moves ? wanted : NULL) ? 0 : -ENOMEM;
}

static int plan_interface(void *data, const char *name)
{
	struct network *net = data;
	char dir[128];

	net->interface = name;
	return qb_text_format(dir, sizeof(dir), NET "/%s/queues", name)
		       ? qb_plan_each_name(dir, plan_queue, net)
		       : 0;
}

int qb_network_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct network net = {.steps = steps,
		.move = qb_plan_asks(wish, QB_KEY_IRQS_NETWORK),
		.hotplug = !qb_cpus_empty(&wish->selection->offline)};
	const size_t n_before = steps->n;
	int r;

	if (!net.move && !net.hotplug)
		return 0;
	qb_housekeeping_find(wish, &net.housekeeping);
	if (net.move && qb_cpus_empty(&net.housekeeping.cpus))
		r = qb_steps_refuse(steps, QB_LEVER_NETWORK, QB_STATUS_UNSUPPORTED,
			"the benchmark has every CPU: none is left to handle packets");
	else
		r = qb_plan_each_name(NET, plan_interface, &net);
	if (r == 0 && net.move && steps->n == n_before)
		r = qb_steps_refuse(steps, QB_LEVER_NETWORK, QB_STATUS_UNCHANGED,
			"no network queue is set to use the benchmark's CPUs");
	return r < 0 ? qb_error_errno(err, -r, "plan the network queues") : 0;
}
