/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper.h: queue. What it MUST hold:
 *
 *  1. Who came first has the host first; but a user who had it for as long as the policy leaves them,
 *     without another user in between, stands back behind other users who wait.
 *  2. A place ends with the process that has it. One that is stopped, or whose client is, keeps its
 *     place and is passed meanwhile.
 *  3. Who waits sleeps: as long as the host is held it makes no system call until something changes.
 *  4. A wait ends with the client, with SIGTERM and with its time; each is told.
 *  5. Who is not root has at most WAITING_MAX sessions waiting.
 *  6. What another user runs is told only to whom the policy lets see that.
 *
 * A sign is a FIFO into which nobody ever writes: who has opened its writing end sees POLLERR once nobody reads it,
 * and who comes later cannot open it (ENXIO). Both are states, not events: none can be missed. Each place has one
 * from before it can be seen; its name says whose it is, and since when. Who gets the lock takes it along (HOLDER).
 */
#include "helper.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/tasks.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <quietbench/journal.h>
#include <quietbench/step.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#define HOLDER	    QB_STATE_DIR "/lock.holder"
#define WAITING_MAX 64
/* Who does not want to wait waits so long for a holder that is just starting or ending. */
#define SUMMARY_MS 500
/* It looks again while the host is held without a sign, or is free and not its own; and once after the
 * bell, which may ring before what it rings for has happened. */
#define LOOK_MS	   20
#define STOPPED_MS 1000 /* while its own client is stopped */

struct place {
	int64_t at;	  /* since when: CLOCK_BOOTTIME */
	int64_t limit_ns; /* qb_queue_wait */
	pid_t waiter, client;
	uint32_t uid;
};

/* In the lock file: who has, or had, the host, and since when without another user in between. */
struct spell {
	int64_t since; /* CLOCK_BOOTTIME */
	uint32_t uid;
	uint32_t zero;
};

struct waiting {
	struct qb_helper *helper;
	const struct qb_queue_wait *wait;
	struct place own;
	struct spell spell;
	int before;		 /* the sign of one whose turn is before ours, or -1 */
	int holder;		 /* the holder's sign, or -1 */
	int64_t begun, deadline; /* now_ms */
	bool rung, told;
};

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int64_t now_ms(void)
{
	return qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS;
}

static void place_path(const struct place *place, char *buf, size_t size)
{
	qb_text_format(buf, size, QB_QUEUE_DIR "/%" PRId64 ".%d.%d.%u.%" PRId64, place->at,
		place->waiter, place->client, place->uid, place->limit_ns);
}

static bool parse_place(const char *name, struct place *ret)
{
	return sscanf(name, "%" SCNd64 ".%d.%d.%u.%" SCNd64, &ret->at, &ret->waiter, &ret->client,
		       &ret->uid, &ret->limit_ns) == 5;
}

/* A sign of our own under this name. */
static int make_sign(const char *path, struct qb_error *err)
{
	char fresh[64];
	int fd;

	qb_text_format(fresh, sizeof(fresh), QB_QUEUE_DIR "/.new.%d", getpid());
	unlink(fresh); /* left by one that was killed here */
	if (mkfifoat(AT_FDCWD, fresh, 0600) < 0)
		return qb_error_errno(err, errno, "queue up with %s", fresh);
	fd = open(fresh, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && rename(fresh, path) == 0)
		return fd;
	qb_error_errno(err, errno, "queue up with %s", path);
	unlink(fresh);
	drop(&fd);
	return -err->code;
}

/* -ENXIO, -ENOENT: there is nobody (any more). */
static int watch_sign(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static bool is_stopped(pid_t pid)
{
	struct qb_task task;

	return qb_task_read(pid, &task, NULL) == 0 && task.stopped;
}

static bool stands_back(const struct place *place, const struct spell *spell)
{
	return spell->since && place->uid == spell->uid &&
	       qb_ns_now(CLOCK_BOOTTIME) - spell->since >= place->limit_ns;
}

static bool is_before(const struct place *a, const struct place *b, const struct spell *spell)
{
	const bool back = stands_back(a, spell);

	if (back != stands_back(b, spell))
		return !back;
	return a->at != b->at ? a->at < b->at : a->waiter < b->waiter;
}

enum sought {
	SOUGHT_BEFORE, /* their turn is before ours */
	SOUGHT_OTHERS, /* they are of another user */
	SOUGHT_AHEAD,  /* they are of our user and came first; stopped ones count */
};

static bool is_sought(enum sought what, const struct place *other, const struct place *own,
	const struct spell *spell)
{
	if (other->at == own->at && other->waiter == own->waiter)
		return false;
	switch (what) {
	case SOUGHT_BEFORE: return is_before(other, own, spell);
	case SOUGHT_OTHERS: return other->uid != own->uid;
	case SOUGHT_AHEAD: return other->uid == own->uid && other->at < own->at;
	}
	return false;
}

/*
 * How many such wait beside us, up to `most`; *ret_sign, which may be NULL, is then the sign of one.
 * Removes the places of the dead on the way.
 */
static int seek(enum sought what, int most, const struct place *own, const struct spell *spell,
	int *ret_sign, struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(QB_QUEUE_DIR);
	const struct dirent *entry;
	int n = 0, r = dir ? 1 : qb_error_errno(err, errno, "look at %s", QB_QUEUE_DIR);

	while (r > 0 && n < most && (r = qb_dir_next(dir, QB_QUEUE_DIR, &entry, err)) > 0) {
		_cleanup_close_ int sign = -1;
		struct place other;
		char path[160];
		pid_t maker;

		if (sscanf(entry->d_name, ".new.%d", &maker) == 1 && kill(maker, 0) < 0)
			unlinkat(dirfd(dir), entry->d_name, 0); /* that was killed there */
		if (!parse_place(entry->d_name, &other) || !is_sought(what, &other, own, spell))
			continue;
		place_path(&other, path, sizeof(path));
		sign = watch_sign(path);
		if (sign == -ENXIO)
			unlink(path);
		else if (sign < 0 && sign != -ENOENT)
			return qb_error_errno(err, -sign, "look at %s", path);
		if (sign < 0 || (what != SOUGHT_AHEAD &&
					(is_stopped(other.waiter) || is_stopped(other.client))))
			continue;
		n++;
		if (ret_sign) {
			*ret_sign = sign;
			sign = -1;
		}
	}
	return r < 0 ? r : n;
}

static struct spell read_spell(int lock)
{
	struct spell spell = {0};

	if (pread(lock, &spell, sizeof(spell), 0) != (ssize_t)sizeof(spell))
		spell = (struct spell){0};
	return spell;
}

int qb_queue_others(uint32_t uid, struct qb_error *err)
{
	const struct place own = {.uid = uid};

	return seek(SOUGHT_OTHERS, 1, &own, NULL, NULL, err);
}

/* The session that holds the lock, by its summary or its journal; it may not have come so far. */
static int read_holder(const char *path, struct qb_journal_owner *ret)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal holder;
	int r = qb_journal_read(&holder, path, &steps, NULL);

	if (r == 0)
		*ret = holder.owner;
	return r;
}

/* Whom we wait for. -EDEADLK: that one waits for us to end. */
static int name_holder(const struct waiting *w, char *buf, size_t size, struct qb_error *err)
{
	const struct qb_peer *peer = &w->helper->peer;
	struct qb_journal_owner holder, full;

	if (read_holder(QB_SUMMARY_PATH, &holder) < 0) {
		qb_text_copy(buf, size, "another quietbench that is just starting or ending");
		return 0;
	}
	/* What it runs is not in the summary, which all may read. */
	if (!holder.lease && (w->wait->names || holder.uid == peer->uid) &&
		read_holder(QB_JOURNAL_PATH, &full) == 0 && full.client == holder.client)
		holder = full;
	qb_guardian_wake(&holder);
	qb_lease_describe(&holder, buf, size);
	if (!holder.lease && qb_task_descends(peer->pid, holder.client))
		return qb_error_set(err, EDEADLK,
			"this command runs inside %s, which must end first; use quietbench run here: it joins that session",
			buf);
	return 0;
}

/*
 * It hears what happens to the state from before the lock is its own: qb_lock_watch; and of a new holder, of one that
 * has become a lease, and of CPUs that have become free beside shared runs. Only who is next does: root's share of these
 * (fs.inotify.max_user_instances) is small.
 */
static int listen_to_state(struct waiting *w, struct qb_error *err)
{
	struct qb_helper *helper = w->helper;

	if (helper->lost >= 0)
		return 0;
	helper->lost = qb_lock_watch(err);
	if (helper->lost < 0)
		return helper->lost;
	if (w->wait->admitted)
		inotify_add_watch(
			helper->lost, QB_STATE_DIR, IN_MASK_ADD | IN_MOVED_TO | IN_ATTRIB);
	return 0;
}

/* 0: the lock is ours; 1: admitted beside its holder; -EWOULDBLOCK: neither. */
static int try(struct waiting *w, struct qb_error *err)
{
	const int lock = w->helper->lock;
	struct qb_journal_owner holder;
	int r;

	if (w->before >= 0 || is_stopped(w->own.client))
		return -EWOULDBLOCK;
	r = listen_to_state(w, err);
	if (r < 0)
		return r;
	if (qb_lock_try(lock) < 0)
		return w->wait->admitted && read_holder(QB_SUMMARY_PATH, &holder) == 0 &&
				       w->wait->admitted(w->wait->data, &holder)
			       ? 1
			       : -EWOULDBLOCK;
	r = seek(SOUGHT_OTHERS, 1, &w->own, NULL, NULL, err);
	if (r == 0 || !w->spell.since || w->spell.uid != w->own.uid)
		w->spell = (struct spell){.since = qb_ns_now(CLOCK_BOOTTIME), .uid = w->own.uid};
	(void)!pwrite(lock, &w->spell, sizeof(w->spell), 0); /* in a full /run each begins anew */
	return r < 0 ? r : 0;
}

/* It cannot go on now. May it wait, and does whoever asked know for whom? */
static int begin(struct waiting *w, struct qb_error *err)
{
	char holder[256];
	int r;

	if (w->told)
		return 0;
	r = name_holder(w, holder, sizeof(holder), err);
	if (r < 0)
		return r;
	if (w->wait->ns == 0)
		return qb_error_set(err, EWOULDBLOCK, "the host is in use by %s", holder);
	r = w->own.uid ? seek(SOUGHT_AHEAD, WAITING_MAX, &w->own, NULL, NULL, err) : 0;
	if (r == WAITING_MAX)
		return qb_error_set(err, EUSERS,
			"%d sessions of user %u wait for the host already: try again when one of them has had its turn",
			r, w->own.uid);
	if (r < 0)
		return r;
	w->told = true;
	w->wait->told(w->wait->data, holder);
	return 0;
}

/* A holder that wrote no summary is about to hold the host, or has just left it: nobody need be refused. */
static bool is_passing(const struct waiting *w)
{
	struct qb_journal_owner holder;

	return w->wait->ns == 0 && w->before < 0 && now_ms() - w->begun < SUMMARY_MS &&
	       read_holder(QB_SUMMARY_PATH, &holder) < 0;
}

/* So long it sleeps if nothing happens. */
static int patience(const struct waiting *w)
{
	const int64_t look_ms = is_stopped(w->own.client) ? STOPPED_MS : LOOK_MS;
	int64_t ms = w->deadline - now_ms();

	if ((w->holder < 0 || w->rung || w->wait->ns == 0) && look_ms < ms)
		ms = look_ms;
	return ms < 0 ? 0 : ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Until something has changed. */
static int sleep_on(struct waiting *w, struct qb_error *err)
{
	enum { HOLDER_GONE, BEFORE_GONE, BELL, SIGNALS, CLIENT, SESSION, COUNT };
	struct pollfd fds[COUNT] = {
		[HOLDER_GONE] = {.fd = w->holder},
		[BEFORE_GONE] = {.fd = w->before},
		[BELL] = {.fd = w->helper->lost, .events = POLLIN},
		[SIGNALS] = {.fd = w->wait->signals, .events = POLLIN},
		[CLIENT] = {.fd = w->helper->peer.pidfd, .events = POLLIN},
		[SESSION] = {.fd = w->helper->client.fd, .events = POLLRDHUP},
	};
	struct signalfd_siginfo signal;
	char events[4096];
	int n = poll(fds, COUNT, patience(w));

	if (n < 0 && errno != EINTR)
		return qb_error_errno(err, errno, "wait for the host");
	if (n > 0 && (fds[CLIENT].revents || fds[SESSION].revents))
		return qb_error_set(err, ECANCELED, "the client is gone");
	if (n > 0 && fds[SIGNALS].revents &&
		read(w->wait->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal) &&
		signal.ssi_signo == SIGTERM)
		return qb_error_set(
			err, ECANCELED, "the helper was told to end while it waited for the host");
	w->rung = n > 0 && fds[BELL].revents;
	while (w->rung && read(w->helper->lost, events, sizeof(events)) > 0)
		;
	if (now_ms() >= w->deadline)
		return qb_error_set(err, EWOULDBLOCK,
			"the host is still in use after the time given by --lock-wait");
	return 0;
}

/* `why` there can be no waiting; else no error. */
static int await_turn(struct waiting *w, const struct qb_error *why, struct qb_error *err)
{
	int r;

	do {
		drop(&w->holder);
		drop(&w->before);
		w->holder = watch_sign(HOLDER); /* before it tries: who leaves after that is seen */
		w->spell = read_spell(w->helper->lock);
		r = seek(SOUGHT_BEFORE, 1, &w->own, &w->spell, &w->before, err);
		r = r < 0 ? r : try(w, err);
		if (r != -EWOULDBLOCK)
			return r;
		if (why->code)
			return qb_error_set(err, why->code, "%s", why->text);
		r = is_passing(w) ? 0 : begin(w, err);
		if (r == 0)
			r = sleep_on(w, err);
	} while (r == 0);
	return r;
}

int qb_queue_take(struct qb_helper *helper, const struct qb_queue_wait *wait, int64_t *ret_since,
	struct qb_error *err)
{
	struct waiting w = {.helper = helper,
		.wait = wait,
		.own = {.at = qb_ns_now(CLOCK_BOOTTIME),
			.limit_ns = wait->limit_ns,
			.waiter = getpid(),
			.client = helper->peer.pid,
			.uid = helper->peer.uid},
		.before = -1,
		.holder = -1,
		.begun = now_ms(),
		.deadline = INT64_MAX};
	struct qb_error why = {0};
	char path[160];
	int r;

	if (wait->ns > 0)
		w.deadline = w.begun + wait->ns / QB_NS_PER_MS;
	place_path(&w.own, path, sizeof(path));
	helper->sign = make_sign(path, &why); /* without one it may go on, but not wait */
	r = await_turn(&w, &why, err);
	drop(&w.holder);
	drop(&w.before);
	if (r != 1 && qb_lock_lost(helper->lock)) {
		qb_lock_leave(helper->lock);
		r = qb_error_set(
			err, ESTALE, QB_LOCK_PATH " was removed or replaced meanwhile: try again");
	}
	if (r == 0) {
		*ret_since = w.spell.since;
		(void)rename(path, HOLDER); /* else whoever waits sees it where it is */
		return 0;
	}
	unlink(path);
	drop(&helper->sign);
	drop(&helper->lost);
	return r;
}

void qb_queue_leave(struct qb_helper *helper)
{
	char self[64], path[128] = "";

	qb_text_format(self, sizeof(self), "/proc/self/fd/%d", helper->sign);
	if (readlink(self, path, sizeof(path) - 1) > 0 && strstr(path, QB_QUEUE_DIR "/"))
		unlink(path); /* a place that could not become the holder's sign */
	if (helper->lock >= 0)
		qb_lock_leave(helper->lock);
	drop(&helper->sign);
}
