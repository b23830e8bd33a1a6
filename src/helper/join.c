/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: a run on a host that another session holds. */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>
#include <poll.h>
#include <quietbench/lever.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The session that is joined may plan, condition or restore before it answers. */
#define ANSWER_NS (120 * QB_NS_PER_S)
/* Once it is over the host is restored, by it or by its guardian; so long we wait to see that. */
#define ROUND_NS	(20 * QB_NS_PER_MS)
#define RESTORED_ROUNDS 500
/* Less where both are dead: another helper may be about it. */
#define ORPHAN_ROUNDS 50

/* ---- speaking to the monitor of the session ---- */

/* Without waiting: at a door with a crowd before it nobody opens now. */
static int knock(void)
{
	const struct sockaddr_un door = {.sun_family = AF_UNIX, .sun_path = QB_DOOR_PATH};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&door, sizeof(door)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Which file is the journal now; 0: there is none. */
static uint64_t journal_now(void)
{
	struct stat st;

	return stat(QB_JOURNAL_PATH, &st) < 0 ? 0 : st.st_ino;
}

static void close_joined(struct qb_joined *joined)
{
	qb_wire_close(&joined->wire);
	if (joined->claims >= 0)
		close(joined->claims);
	qb_steps_free(&joined->steps);
	*joined = QB_JOINED_NONE;
}

void qb_join_keep_steps(struct qb_steps *steps, bool child)
{
	size_t kept = 0;

	for (size_t i = 0; i < steps->n; i++)
		if ((qb_levers[steps->v[i].lever].where == QB_LEVER_CHILD) == child)
			steps->v[kept++] = steps->v[i];
	steps->n = kept;
}

/* Part of an answer. 1: the end of it, in *ret; 0: there is more to come. */
static int take(struct qb_joined *joined, struct qb_wire *client, struct qb_message *message,
	struct qb_done *ret, struct qb_error *err)
{
	const enum qb_message_type type = message->head.type;

	if (type == QB_MSG_DONE) {
		*ret = message->done;
		return 1;
	}
	if (type == QB_MSG_ERROR)
		return qb_error_set(err, message->error.code > 0 ? message->error.code : EPROTO,
			"%s", message->error.text);
	if (type == QB_MSG_STEP && qb_message_read_steps(message, &joined->steps) < 0)
		return qb_error_set(
			err, EBADMSG, "the session that is joined sent an invalid step");
	if (type == QB_MSG_PROFILE)
		joined->profile = message->profile.profile;
	else if (type == QB_MSG_SELECTION)
		joined->selection = message->selection.selection;
	else if (type == QB_MSG_NOTE || type == QB_MSG_LEFTOVER)
		qb_wire_send(client, type, message->bytes, message->size);
	return 0; /* HOST is for those who plan alone */
}

/*
 * Asks, and gathers the answer: the host's steps anew, if it has any. 0: it is in *ret; 1: that
 * session is over; negative: what it, or the conversation, says.
 */
static int ask(struct qb_helper *helper, struct qb_joined *joined, enum qb_message_type type,
	const void *body, size_t size, struct qb_done *ret, struct qb_error *err)
{
	static struct qb_message message;
	const int64_t until = qb_ns_now(CLOCK_MONOTONIC) + ANSWER_NS;
	int r;

	if (body)
		qb_wire_send(&joined->wire, type, body, size);
	if (type != QB_MSG_JOIN) /* it is answered without any */
		qb_steps_free(&joined->steps);
	do {
		r = qb_wire_wait(helper, &joined->wire, until, err);
		if (r == 0)
			return qb_error_set(err, ETIMEDOUT,
				"the session that was joined gave no answer within %d s",
				(int)(ANSWER_NS / QB_NS_PER_S));
		if (r > 0)
			r = qb_message_receive_now(
				joined->wire.fd, QB_SENDER_HELPER, &message, err);
		else
			return r;
		if (r == 0 || r == -ECONNRESET)
			return 1;
		if (r > 0)
			r = take(joined, &helper->client, &message, ret, err);
		qb_message_close(&message);
	} while (r == 0);
	qb_join_keep_steps(&joined->steps, false);
	return r < 0 ? r : 0;
}

int qb_join_ask(struct qb_monitor *m, enum qb_message_type type, void *body, size_t size,
	const int *fds, unsigned n_fds, struct qb_error *err)
{
	struct qb_done done;
	int r;

	qb_wire_send_fds(&m->joined->wire, type, body, size, fds, n_fds);
	r = ask(m->helper, m->joined, type, NULL, 0, &done, err);
	return r > 0 ? qb_error_set(err, EPIPE, "the session of the shared runs has ended") : r;
}

static struct qb_join say_join(const struct qb_monitor *m)
{
	const struct qb_journal_bench *bench = &m->session.journal.bench;

	return (struct qb_join){.pid = bench->pid,
		.seat = m->joined->seat,
		.start = bench->start,
		.cpus = m->planned.selection.bench};
}

/* ---- HELLO ---- */

static void tell_joined(const struct qb_monitor *m)
{
	char holder[256];

	qb_lease_describe(&m->joined->owner, holder, sizeof(holder));
	qb_wire_send_note(&m->helper->client, "joined %s", holder);
}

/* One CPU at least, before it has planned: else there is no room for it. */
static bool reserve(struct qb_joined *joined)
{
	qb_cpus_foreach (cpu, &joined->selection.bench)
		if (qb_claims_take(joined->claims, cpu, 0)) {
			qb_cpus_add(&joined->claimed, cpu);
			return true;
		}
	return false;
}

bool qb_join_beside(struct qb_monitor *m, const struct qb_journal_owner *holder)
{
	static struct qb_joined joined;
	const struct qb_hello hello = {.purpose = QB_PURPOSE_LEASE, .shared = 1};
	const struct qb_join join = {0};
	struct qb_error err = {0};
	struct qb_done done;

	if (!holder->shared)
		return false;
	joined = QB_JOINED_NONE;
	joined.shared = true;
	joined.owner = *holder;
	joined.wire.fd = knock();
	joined.claims = qb_claims_open(&err);
	if (joined.wire.fd >= 0 && joined.claims >= 0 &&
		ask(m->helper, &joined, QB_MSG_HELLO, &hello, sizeof(hello), &done, &err) == 0 &&
		reserve(&joined) &&
		ask(m->helper, &joined, QB_MSG_JOIN, &join, sizeof(join), &done, &err) == 0) {
		joined.journal = journal_now();
		m->joined = &joined;
		tell_joined(m);
		return true;
	}
	close_joined(&joined);
	return false;
}

bool qb_join_may_come_in(const struct qb_monitor *m, const struct qb_journal_owner *holder)
{
	const bool stands = holder->lease && (holder->until || holder->until_pid);
	const int door = stands && holder->uid == m->helper->peer.uid ? knock() : -1;

	if (door >= 0)
		close(door);
	return door >= 0;
}

/* Closes all descriptors from 3 on but these. */
static void keep_only(const int *kept, size_t n)
{
	for (unsigned from = 3;;) {
		unsigned next = ~0u;

		for (size_t i = 0; i < n; i++)
			if (kept[i] >= (int)from && (unsigned)kept[i] < next)
				next = (unsigned)kept[i];
		if (next > from)
			close_range(from, next == ~0u ? next : next - 1, 0);
		if (next == ~0u)
			return;
		from = next + 1;
	}
}

int qb_join_become(struct qb_monitor *m, const struct qb_helper *client, int connection, int claims,
	const struct qb_cpus *cpus)
{
	static struct qb_helper helper;
	static struct qb_joined joined;
	const int own[] = {connection, claims};
	int kept[4 + QB_REQUEST_FILES] = {
		client->client.fd, client->peer.pidfd, connection, claims};

	memcpy(kept + 4, m->wanted.fds, m->wanted.request.n_files * sizeof(kept[0]));
	qb_file_keep_none(); /* else it would take what has these numbers next for its own */
	keep_only(kept, 4u + m->wanted.request.n_files);
	joined = QB_JOINED_NONE;
	joined.wire.fd = connection;
	joined.claims = claims;
	joined.owner = m->session.journal.owner;
	if (client->peer.uid != joined.owner.uid && client->peer.uid != 0)
		joined.owner.command[0] = '\0'; /* another user's, from inside of the run */
	joined.selection = m->planned.selection;
	joined.selection.bench = *cpus;
	joined.steps = m->session.steps;
	joined.wanted = m->wanted;
	joined.journal = journal_now();
	qb_join_keep_steps(&joined.steps, false);
	qb_sandbox_survive(false);
	helper = (struct qb_helper){
		.client = client->client, .lock = -1, .lost = -1, .sign = -1, .peer = client->peer};
	*m = QB_MONITOR_NONE;
	m->helper = &helper;
	m->joined = &joined;
	m->state = QB_STATE_PLAN;
	m->heard_ns = qb_ns_now(CLOCK_MONOTONIC);
	return qb_guardian_fork(&helper, QB_MSG_HELLO, own, claims < 0 ? 1 : 2);
}

/* What is still to be said to the founder's client is its own process's to say. */
static int dismiss(struct qb_wire *client)
{
	int fd = client->fd;

	client->fd = -1;
	qb_wire_close(client);
	return fd;
}

int qb_join_found(struct qb_monitor *m, struct qb_error *err)
{
	static _Atomic uint16_t pending;
	const struct qb_hello hello = m->hello;
	struct qb_limits limits = m->limits;
	int pair[2], claims = qb_claims_open(err);
	pid_t pid;

	if (claims < 0)
		return claims;
	close(claims); /* who serves the client opens them anew: a claim is one session's */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for the shared runs");
	m->pool = true;
	/* What is to be said to the client is the child's to say, and not a recovery's. */
	*m->helper->pending = QB_MSG_BYE;
	pid = fork();
	if (pid < 0)
		return qb_error_errno(err, errno, "serve the first of the shared runs");
	if (pid == 0) {
		if (qb_join_become(m, m->helper, pair[1], -1, &(struct qb_cpus){0}) < 0)
			_exit(EXIT_FAILURE);
		m->hello = hello;
		m->limits = limits;
		m->limits.timer = -1; /* the lock is the pool's */
		m->joined->shared = m->joined->founding = true;
		m->joined->claims = qb_claims_open(err);
		return m->joined->claims < 0 ? m->joined->claims : 0;
	}
	close(pair[1]);
	m->helper->pending = &pending;
	m->founder = dismiss(&m->helper->client);
	m->keeper = pid;
	m->helper->client.fd = pair[0];
	m->hello.purpose = QB_PURPOSE_LEASE;
	m->state = QB_STATE_PLAN;
	return 0;
}

/* ---- APPLY, PLACE, RESTORE ---- */

int qb_join_apply(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_join join = say_join(m);
	struct qb_message_head head;
	int r;

	if (!m->joined->founding)
		return 0;
	r = qb_join_ask(m, QB_MSG_APPLY, &head, sizeof(head), NULL, 0, err);
	if (r < 0)
		return r;
	m->joined->journal = journal_now();
	r = qb_join_ask(m, QB_MSG_JOIN, &join, sizeof(join), NULL, 0, err);
	if (r < 0)
		return r;
	m->joined->founding = false;
	/* The way of isolating may have changed. */
	m->planned.selection.isolation = m->joined->selection.isolation;
	qb_wire_send_steps(&m->helper->client, &m->joined->steps);
	return 0;
}

/* Who else is on a CPU. */
static void look_at(const struct qb_joined *joined, unsigned cpu, struct qb_joined_message *ret)
{
	for (unsigned seat = 0; qb_claims_find(joined->claims, cpu, joined->around, &seat);
		seat++) {
		struct qb_claimant who = qb_claims_signed(joined->claims, cpu, seat);

		qb_cpus_add(&ret->taken, cpu);
		if (ret->n < QB_TENANTS)
			ret->tenants[ret->n++] =
				(struct qb_tenant){.cpu = cpu, .pid = who.pid, .uid = who.uid};
	}
}

void qb_join_tell(const struct qb_monitor *m)
{
	const struct qb_joined *joined = m->joined;
	struct qb_joined_message message = {0};

	qb_cpus_foreach (cpu, &joined->selection.bench)
		look_at(joined, cpu, &message);
	qb_lease_describe(&m->joined->owner, message.holder, sizeof(message.holder));
	qb_wire_send(&m->helper->client, QB_MSG_JOINED, &message, sizeof(message));
}

void qb_join_placed(struct qb_monitor *m)
{
	const struct qb_joined *joined = m->joined;
	struct qb_join join = say_join(m);
	const struct qb_claimant who = {.pid = join.pid, .uid = m->helper->peer.uid};

	qb_cpus_foreach (cpu, &joined->claimed)
		qb_claims_sign(joined->claims, cpu, joined->seat, &who);
	/* A session that does not hear it is over, which RESTORE will find. */
	qb_wire_send(&m->joined->wire, QB_MSG_JOIN, &join, sizeof(join));
	(void)qb_wire_flush(&m->joined->wire);
}

static bool hung_up(int connection)
{
	struct pollfd p = {.fd = connection};

	return poll(&p, 1, 0) == 1;
}

/* The session is over: is what it had conditioned restored? Its journal goes when it is. */
static bool see_restored(struct qb_monitor *m)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	const struct qb_joined *joined = m->joined;
	struct qb_journal of = {0};
	int rounds = RESTORED_ROUNDS;

	(void)qb_journal_read(&of, QB_JOURNAL_PATH, &steps, NULL); /* none: it is restored */
	for (; joined->journal && journal_now() == joined->journal; rounds--) {
		if (rounds > ORPHAN_ROUNDS && qb_task_has_ended(of.owner.monitor) &&
			qb_task_has_ended(of.owner.guardian))
			rounds = ORPHAN_ROUNDS;
		if (rounds == 0 || qb_wire_wait(m->helper, NULL,
					   qb_ns_now(CLOCK_MONOTONIC) + ROUND_NS, NULL) < 0)
			return false;
	}
	return true;
}

int qb_join_leave(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_joined *joined = m->joined;
	struct qb_done done = {.of = QB_MSG_RESTORE, .complete = 1};
	const struct qb_message_head head = {0};
	int r = hung_up(joined->wire.fd);

	qb_cpus_foreach (cpu, &joined->claimed)
		qb_claims_leave(joined->claims, cpu);
	joined->claimed = (struct qb_cpus){0};
	if (r == 0 && joined->shared)
		r = ask(m->helper, joined, QB_MSG_RESTORE, &head, sizeof(head), &done, err);
	if (r < 0)
		return r;
	if (r > 0)
		done.complete = see_restored(m);
	done.over = r > 0 || m->early;
	if (!done.complete && r > 0)
		qb_wire_send_note(&m->helper->client,
			"the session that was joined has died, and the host is not restored: "
			"quietbench restore");
	if (r == 0 && joined->shared && !done.joined)
		qb_wire_send_steps(&m->helper->client, &joined->steps);
	qb_wire_send(&m->helper->client, QB_MSG_DONE, &done, sizeof(done));
	return 0;
}
