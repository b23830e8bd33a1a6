/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: lease */
#include "helper.h"
#include "policy.h"
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

/* The pidfd first, then the look: now it is this process and no later one of its number. */
static int watch_process(
	struct qb_lease *lease, pid_t pid, const struct qb_peer *peer, struct qb_error *err)
{
	struct stat st;
	char path[64];

	lease->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (lease->pidfd < 0)
		return qb_error_errno(err, errno, "--while %d: watch that process", pid);
	qb_text_format(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0)
		return qb_error_errno(err, errno, "--while %d: look at that process", pid);
	if (peer->uid != 0 && st.st_uid != peer->uid)
		return qb_error_set(err, EPERM,
			"--while %d: that process belongs to user %u, and you are user %u", pid,
			st.st_uid, peer->uid);
	lease->pid = pid;
	return 0;
}

int qb_lease_make(struct qb_lease *ret, const struct qb_hello *hello, const struct qb_peer *peer,
	const struct qb_limits *limits, struct qb_error *err)
{
	struct qb_lease lease = QB_LEASE_NONE;
	int r = 0;

	if (hello->lease_ns > 0)
		lease.ns = hello->lease_ns;
	else if (hello->lease_while > 0)
		r = watch_process(&lease, hello->lease_while, peer, err);
	else
		r = qb_error_set(err, EPROTO, "a lease without a duration");
	if (r == 0 && limits->limited && !lease.ns)
		lease.ns = limits->rule.lease_ns;
	else if (r == 0 && limits->limited)
		r = qb_policy_judge_lease(&limits->rule, lease.ns, err);
	if (r == 0 && lease.ns) {
		lease.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
		if (lease.timer < 0)
			r = qb_error_errno(err, errno, "make the timer of the lease");
	}
	if (r < 0)
		qb_lease_close(&lease);
	else
		*ret = lease;
	return r;
}

int qb_lease_start(const struct qb_lease *lease, struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err)
{
	const struct itimerspec in = {.it_value = qb_ns_timespec(lease->ns)};

	if (lease->timer >= 0 && timerfd_settime(lease->timer, 0, &in, NULL) < 0)
		return qb_error_errno(err, errno, "set the timer of the lease");
	owner->until = lease->timer >= 0 ? qb_time_now() + lease->ns / QB_NS_PER_S : 0;
	owner->until_pid = lease->pid;
	return qb_journal_summarize(QB_SUMMARY_PATH, owner, steps, err);
}

void qb_lease_close(struct qb_lease *lease)
{
	if (lease->timer >= 0)
		close(lease->timer);
	if (lease->pidfd >= 0)
		close(lease->pidfd);
	*lease = QB_LEASE_NONE;
}

void qb_lease_describe(const struct qb_journal_owner *owner, char *buf, size_t size)
{
	char since[32], until[32], command[sizeof(owner->command)];

	qb_time_format(qb_time_wall(owner->since), "%F %T", since, sizeof(since));
	qb_time_format(qb_time_wall(owner->until), "%F %T", until, sizeof(until));
	qb_text_copy(command, sizeof(command), owner->command);
	qb_text_printable(command);
	if (owner->shared)
		qb_text_format(
			buf, size, "the shared runs that user %u began at %s", owner->uid, since);
	else if (!owner->lease)
		qb_text_format(buf, size, "the run of user %u (process %d), since %s%s%s",
			owner->uid, owner->client, since, command[0] ? ": " : "", command);
	else if (owner->until_pid)
		qb_text_format(buf, size, "the apply of user %u, since %s, while process %d lives",
			owner->uid, since, owner->until_pid);
	else
		qb_text_format(buf, size, "the apply of user %u, since %s%s%s", owner->uid, since,
			owner->until ? " until " : "", owner->until ? until : "");
}
