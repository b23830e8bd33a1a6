/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: share */
#include "monitor_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <quietbench/lever.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

static int knock(void)
{
	const struct sockaddr_un door = {.sun_family = AF_UNIX, .sun_path = QB_DOOR_PATH};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&door, sizeof(door)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* He answers at once, or he ends and so does the connection. */
bool qb_share_hand_over(struct qb_monitor *m, const struct qb_journal_owner *holder)
{
	static struct qb_message answer;
	_cleanup_close_ int door = holder->shared ? knock() : -1;
	struct qb_hello hello = m->hello;
	int r;

	if (door < 0 || qb_message_send(door, QB_MSG_HELLO, &hello, sizeof(hello),
				&m->helper->session, 1) < 0)
		return false;
	r = qb_message_receive(door, QB_SENDER_HELPER, &answer, NULL);
	if (r > 0)
		qb_message_close(&answer);
	return r > 0 && answer.head.type == QB_MSG_DONE;
}

/* The same request for so many CPUs: for all that can be had when it is 0. */
static int ask_for_pool(const struct qb_wanted *wanted, unsigned count, struct qb_message *ret,
	struct qb_error *err)
{
	static const char *const own[] = {"cpus.count=", "cpus.list="};
	struct qb_request *request = &ret->request;
	unsigned n = 0;
	int r = qb_join_ask_again(wanted, ret, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < request->n_set; i++) {
		bool other = true;

		for (size_t j = 0; j < QB_ARRAY_SIZE(own); j++)
			other = other && strncmp(request->set[i], own[j], strlen(own[j])) != 0;
		if (other)
			memmove(request->set[n++], request->set[i], sizeof(request->set[0]));
	}
	if (n == QB_REQUEST_SETS)
		return qb_error_set(
			err, E2BIG, "--shared: at most %d settings", QB_REQUEST_SETS - 1);
	if (count)
		qb_text_format(request->set[n++], sizeof(request->set[0]), "cpus.count=%u", count);
	else
		qb_text_copy(request->set[n++], sizeof(request->set[0]), "cpus.count=max");
	request->n_set = (uint8_t)n;
	return 0;
}

static int plan_pool(
	struct qb_helper *nobody, struct qb_monitor *pool, unsigned count, struct qb_error *err)
{
	int r = ask_for_pool(&pool->wanted, count, &pool->message, err);

	if (r == 0)
		r = qb_limits_wish(&pool->limits, &pool->message.request, err);
	if (r == 0)
		r = qb_planner_ask(nobody, &pool->message, &pool->planned, err);
	if (r < 0)
		return r;
	r = qb_limits_judge(&pool->limits, &pool->planned.profile, &pool->planned.selection,
		&pool->planned.steps, err);
	if (r < 0)
		qb_steps_free(&pool->planned.steps);
	return r;
}

/* All CPUs; or as many as the policy leaves, fewer where their siblings count, too. */
static int size_pool(struct qb_helper *nobody, struct qb_monitor *pool, struct qb_error *err)
{
	struct qb_error why = {0};
	int r = plan_pool(nobody, pool, 0, &why);

	for (unsigned n = qb_limits_cpus(&pool->limits); r < 0 && n > 0; n /= 2) {
		why = (struct qb_error){0};
		r = plan_pool(nobody, pool, n, &why);
	}
	return r < 0 ? qb_error_set(err, why.code, "%s", why.text) : 0;
}

int qb_share_found(struct qb_monitor *m, struct qb_error *err)
{
	static struct qb_monitor pool;
	struct qb_helper nobody = *m->helper;
	int r = qb_join_keep(&m->message, &m->wanted, err);

	pool = QB_MONITOR_NONE;
	pool.helper = m->helper;
	pool.signals = m->signals;
	pool.hello = m->hello;
	pool.wanted = m->wanted;
	pool.limits = m->limits;
	nobody.session = -1;
	if (r == 0)
		r = size_pool(&nobody, &pool, err);
	if (r < 0)
		return qb_error_wrap(err, "choose CPUs for all shared runs");
	pool.session.steps = pool.planned.steps;
	pool.planned.steps = (struct qb_steps){0};
	pool.share = mmap(NULL, sizeof(*pool.share), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pool.share == MAP_FAILED)
		return qb_error_errno(err, errno, "make memory for shared runs");
	pool.share->monitor = getpid();
	m->host = &pool;
	return 0;
}

/* Which keys change something that all runs see. */
static void find_common(bool ret[QB_KEY_COUNT])
{
	for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
		if (qb_levers[i].where == QB_LEVER_HOST)
			ret[qb_levers[i].key] = true;
}

static int agree(const struct qb_profile *all, const struct qb_profile *own, struct qb_error *err)
{
	bool common[QB_KEY_COUNT] = {0};

	find_common(common);
	for (unsigned key = 0; key < QB_KEY_COUNT; key++) {
		char theirs[QB_SETTING_FORMAT], ours[QB_SETTING_FORMAT];

		if (!common[key])
			continue;
		qb_setting_format((enum qb_key)key, &all->set[key], theirs, sizeof(theirs));
		qb_setting_format((enum qb_key)key, &own->set[key], ours, sizeof(ours));
		if (strcmp(theirs, ours) != 0)
			return qb_error_set(err, EBUSY,
				"%s is %s for the shared runs that are under way (profile %s), and "
				"%s here: give the same, or wait for your turn without --shared",
				qb_keys[key].name, theirs, all->name, ours);
	}
	return 0;
}

/* CPUs of the pool that are nobody's. */
static struct qb_cpus free_cpus(const struct qb_monitor *host)
{
	struct qb_cpus cpus = host->planned.selection.bench;

	qb_cpus_foreach (cpu, &host->planned.selection.bench)
		if (host->share->holder[cpu])
			qb_cpus_remove(&cpus, cpu);
	return cpus;
}

static void unclaim(struct qb_share *share, const struct qb_cpus *cpus, int32_t guest)
{
	qb_cpus_foreach (cpu, cpus) {
		int32_t expected = guest;

		atomic_compare_exchange_strong(&share->holder[cpu], &expected, 0);
	}
}

/* All of them or none. */
static bool claim(struct qb_share *share, const struct qb_cpus *cpus, int32_t guest)
{
	qb_cpus_foreach (cpu, cpus) {
		int32_t nobody = 0;

		if (!atomic_compare_exchange_strong(&share->holder[cpu], &nobody, guest)) {
			unclaim(share, cpus, guest);
			return false;
		}
	}
	return true;
}

/* One plan within what is free now. 1: somebody was faster and has some of these CPUs. */
static int plan_once(struct qb_monitor *m, const struct qb_cpus *allowed, struct qb_error *err)
{
	struct qb_selection quiet = m->host->planned.selection;
	struct qb_cpus claimed;
	int r;

	quiet.bench = free_cpus(m->host);
	if (!qb_cpus_empty(allowed))
		qb_cpus_and(&quiet.bench, allowed);
	if (qb_cpus_empty(&quiet.bench))
		return qb_error_set(err, EBUSY,
			"none of their CPUs that you may use is free now: wait for your turn "
			"without --shared, or try again");
	r = qb_join_ask_again(&m->wanted, &m->message, err);
	if (r < 0)
		return r;
	m->message.request.allowed = quiet.bench;
	qb_steps_free(&m->planned.steps);
	r = qb_limits_wish(&m->limits, &m->message.request, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	if (r == 0)
		r = qb_limits_claim(&m->limits, &m->planned.selection.bench, err);
	claimed = m->planned.selection.bench;
	if (r == 0)
		r = qb_join_fit(&m->planned, &quiet, err);
	if (r == 0)
		r = agree(&m->host->planned.profile, &m->planned.profile, err);
	return r < 0 ? r : !claim(m->host->share, &claimed, getpid());
}

int qb_share_plan(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_share *share = m->host->share;
	struct qb_cpus allowed;
	int r = qb_caller_cpus_set(m->helper->peer.pid, QB_GROUP_HOUSE, &allowed, err);

	do
		r = r < 0 ? r : plan_once(m, &allowed, err);
	while (r > 0);
	if (r < 0)
		return qb_error_wrap(err, "share the host with other runs");
	share->runs[m->seat].cpus = m->planned.selection.bench;
	share->runs[m->seat].claimed = true;
	return 0;
}

/* From here on `m` is the session of all: should anything fail, it is the one to be restored. */
int qb_share_open(struct qb_monitor *m, struct qb_error *err)
{
	static struct qb_helper helper;
	static _Atomic uint16_t pending;
	static struct qb_monitor first;
	pid_t pid;
	int r;

	first = *m;
	first.limits.timer = -1; /* the lock is the session's of all */
	*m = *m->host;
	first.host = m;
	helper = *m->helper;
	helper.lock = -1;
	helper.pending = &pending;
	first.helper = &helper;
	r = qb_monitor_condition(m, err);
	if (r == 0)
		r = qb_monitor_stay(m, err);
	if (r < 0)
		return r;
	*m->helper->pending = 0; /* the answer is the guest's to give */
	pid = qb_guests_fork(m, first.seat, &helper);
	if (pid < 0)
		return qb_error_errno(err, errno, "serve the first of the shared runs");
	if (pid == 0) {
		/* The way of isolating may have changed. */
		first.planned.selection.isolation = m->planned.selection.isolation;
		if (qb_message_send_steps(helper.session, &m->session.steps) == 0 &&
			qb_monitor_applied(&first, err) == 0)
			qb_guests_serve(&first);
		_exit(EXIT_FAILURE);
	}
	qb_cpus_foreach (cpu, &first.planned.selection.bench)
		m->share->holder[cpu] = pid;
	m->share->runs[first.seat].claimed = true;
	m->helper->session = m->helper->peer.pidfd = -1;
	return 0;
}

void qb_share_sit(struct qb_share *share, int seat)
{
	share->runs[seat].claimed = share->runs[seat].placed = false;
}

void qb_share_release(struct qb_share *share, pid_t guest)
{
	for (unsigned cpu = 0; cpu < QB_CPUS_MAX; cpu++)
		if (share->holder[cpu] == guest)
			share->holder[cpu] = 0;
}

/* Those who have not chosen yet will take one each, at least. */
bool qb_share_has_room(const struct qb_monitor *host)
{
	const struct qb_cpus cpus = free_cpus(host);
	unsigned undecided = 0;

	for (int i = 0; i < QB_GUESTS_MAX; i++)
		undecided += host->guests[i].pid && !host->share->runs[i].claimed;
	return qb_cpus_count(&cpus) > undecided;
}

int qb_share_inside(const struct qb_monitor *host, pid_t pid)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (host->guests[i].pid && host->share->runs[i].placed &&
			qb_isolation_inside(&host->share->runs[i].bench, pid))
			return i;
	return -1;
}

void qb_share_placed(struct qb_monitor *m)
{
	m->host->share->runs[m->seat].bench = m->session.journal.bench;
	m->host->share->runs[m->seat].placed = true;
}

bool qb_share_leave(const struct qb_monitor *m)
{
	return !*m->helper->over && getppid() == m->host->share->monitor;
}
