/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irqs.h: telling irqbalance to keep off, and stopping it. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/irqbalance.h>
#include <levers/irqs.h>
#include <levers/services.h>

#define NONE	"none"
#define SERVICE "irqbalance.service"

/* "none", "2-3" or "+2-3" */
static int parse_ban(const char *text, bool *ret_add, struct qb_cpus *ret)
{
	*ret_add = *text == '+';
	if (strcmp(text, NONE) == 0)
		return qb_cpus_parse_list("", ret);
	if (*ret_add)
		text++;
	return *text ? qb_cpus_parse_list(text, ret) : -EINVAL;
}

static int read_ban(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	struct qb_cpus banned;
	int r = qb_irqbalance_banned(&banned, err);

	if (r < 0)
		return r;
	if (qb_cpus_empty(&banned))
		qb_text_copy(buf, size, NONE);
	else if (qb_cpus_format_list(&banned, buf, size) < 0)
		return qb_error_set(err, EFBIG, "irqbalance bans too many CPUs to be written down");
	return 0;
}

static int write_ban(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cpus cpus, banned;
	bool add;
	int r;

	if (parse_ban(text, &add, &cpus) < 0)
		return qb_error_set(err, EINVAL, "expected CPUs to ban, found '%.64s'", text);
	if (add) {
		r = qb_irqbalance_banned(&banned, err);
		if (r < 0)
			return r;
		qb_cpus_or(&cpus, &banned);
	}
	return qb_irqbalance_ban(&cpus, add, err);
}

/* A plan may only add: a ban that another program set is never lifted. */
static int judge_ban(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cpus cpus;
	bool add;

	if (parse_ban(text, &add, &cpus) < 0 || !add || qb_cpus_empty(&cpus))
		return qb_error_set(
			err, EINVAL, "expected '+' and a CPU list, found '%.64s'", text);
	return 0;
}

static bool same_ban(const char *a, const char *b)
{
	struct qb_cpus x, y;
	bool add_x, add_y;

	if (parse_ban(a, &add_x, &x) < 0 || parse_ban(b, &add_y, &y) < 0)
		return strcmp(a, b) == 0;
	if (add_x == add_y)
		return qb_cpus_equal(&x, &y);
	return add_x ? qb_cpus_subset(&x, &y) : qb_cpus_subset(&y, &x);
}

const struct qb_lever_ops qb_irqbalance_ban_ops = {
	.read = read_ban, .write = write_ban, .judge = judge_ban, .same = same_ban};

static int read_stop(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	pid_t pid;
	int r = qb_services_read(SERVICE, buf, size, err);

	if (r == 0 && strcmp(buf, QB_SERVICE_INACTIVE) == 0 && qb_irqbalance_find(&pid, NULL) == 0)
		return qb_error_set(err, EOPNOTSUPP,
			"irqbalance (PID %d) was not started as " SERVICE
			": stop it as it was started, or use irqs.irqbalance: ban",
			(int)pid);
	return r;
}

static int write_stop(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return qb_services_write(SERVICE, text, err);
}

const struct qb_lever_ops qb_irqbalance_stop_ops = {.read = read_stop, .write = write_stop};
