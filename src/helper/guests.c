/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: guests */
#include "monitor_internal.h"
#include <base/macros.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A child's exit status: its client waits for the answer to RESTORE, which is the host's to give. */
#define EXIT_LEFT 71

/*
 * Closes all descriptors from 3 on but these: whatever the host's session holds - the lock, the
 * journal, a lever's promise of some latency - must end with that session.
 */
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

int qb_guests_seat(const struct qb_monitor *host)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (!host->guests[i].pid)
			return i;
	return -1;
}

static void become_guest(struct qb_monitor *host, const struct qb_helper *guest)
{
	int kept[3 + QB_REQUEST_FILES] = {guest->session, guest->peer.pidfd, host->signals};

	memcpy(kept + 3, host->wanted.fds, host->wanted.request.n_files * sizeof(kept[0]));
	keep_only(kept, 3u + host->wanted.request.n_files);
	qb_join_keep_steps(&host->session.steps, false);
}

pid_t qb_guests_fork(struct qb_monitor *host, int seat, const struct qb_helper *guest)
{
	pid_t pid;

	if (host->share)
		qb_share_sit(host->share, seat);
	pid = fork();
	if (pid == 0)
		become_guest(host, guest);
	if (pid <= 0)
		return pid;
	host->guests[seat] = (struct qb_guest){pid, guest->session, guest->peer};
	if (!host->share) {
		close(guest->session);
		close(guest->peer.pidfd);
		host->guests[seat].session = -1;
	}
	return pid;
}

void qb_guests_serve(struct qb_monitor *m)
{
	qb_monitor_loop(m);
	_exit(m->left ? EXIT_LEFT : EXIT_SUCCESS);
}

static bool anybody(const struct qb_monitor *host)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (host->guests[i].pid)
			return true;
	return false;
}

/* The last of the shared runs: its client is told how the host came back, as any run's is. */
static void restore_after(struct qb_monitor *host, const struct qb_guest *last, bool asked)
{
	struct qb_error err = {0};

	/* The guardian has the session of the first run and no other's. */
	if (asked && last->peer.pid == host->session.journal.owner.client)
		*host->helper->pending = QB_MSG_RESTORE;
	host->helper->session = last->session;
	host->helper->peer = last->peer;
	if (qb_monitor_restore(host, false, &err) < 0) {
		qb_monitor_end(host, &err);
		return;
	}
	host->state = asked ? QB_STATE_RESTORE : QB_STATE_END;
	if (asked) /* who does not hear it is seen to be gone */
		qb_recover_report(
			last->session, &host->session.steps, &host->summary, false, false);
	*host->helper->pending = 0;
}

static void depart(struct qb_monitor *host, struct qb_guest *seat, bool asked)
{
	const struct qb_guest guest = *seat;
	struct qb_done done = {.of = QB_MSG_RESTORE, .complete = 1, .joined = 1};

	seat->pid = 0;
	if (!host->share)
		return;
	qb_share_release(host->share, guest.pid);
	if (!anybody(host) && !host->restored) {
		restore_after(host, &guest, asked);
		return;
	}
	if (asked)
		qb_message_send(guest.session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
	shutdown(guest.session, SHUT_RDWR); /* the first run's is open in the guardian, too */
	close(guest.session);
	close(guest.peer.pidfd);
}

void qb_guests_reap(struct qb_monitor *host)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < QB_GUESTS_MAX; i++)
			if (host->guests[i].pid == pid)
				depart(host, &host->guests[i],
					WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEFT);
}
