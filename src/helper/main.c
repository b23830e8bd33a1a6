/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench-helper: root's part. Started by quietbench, or by systemd, with the session's socket as
 * its standard input; it forks the monitor and guards it. It takes no arguments and reads no
 * configuration; but `--recover`, without any client, restores what a session left of which nobody
 * lives: the unit of systemd's ends with that.
 */
#include "helper.h"
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/caller.h>
#include <quietbench/protocol.h>

static int prepare(struct qb_helper *helper, const char *sudo_uid, struct qb_error *err)
{
	int r;

	if (geteuid() != 0)
		return qb_error_set(
			err, QB_NOT_FROM_HERE, "the helper is not root; start it through sudo");
	r = qb_peer_identify(helper->client.fd, sudo_uid, &helper->peer, err);
	if (r < 0)
		return r;
	r = qb_peer_host_namespace(&helper->peer, err);
	/* A unit's own group does not end with the client, and it bounds what a session may use. */
	if (r == 0 && !helper->peer.activated)
		r = qb_caller_leave(err);
	if (r == -EROFS)
		r = qb_error_set(err, QB_NOT_FROM_HERE,
			"control groups are read-only here, as in a container, so the host cannot be conditioned from inside; run quietbench on the host");
	if (r < 0)
		return r;
	r = qb_lock_open(err);
	if (r < 0)
		return r;
	helper->lock = r;
	return qb_sandbox_limit(err);
}

/* The process that holds the lock is alive, and has restored or will restore: nothing is to be done here. */
static int recover(void)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning dead = {.journal.fd = -1};
	struct qb_undo_summary summary = {0};
	struct qb_error err = {0};
	char kept[96];
	int nothing, lock = -1, r = qb_sandbox_start(&nothing, kept, sizeof(kept), &err);

	if (r == 0)
		r = lock = qb_lock_open(&err);
	qb_sandbox_survive(true);
	if (r >= 0)
		r = qb_sandbox_limit(&err);
	/* Nor where there is nothing: whoever asks would see a session that holds the host. */
	if (r == 0 && qb_file_exists(QB_JOURNAL_PATH) && qb_lock_try(lock) == 0)
		r = qb_guardian_recover(&dead, &summary, &err);
	if (r != 0)
		qb_audit(&(struct qb_peer){.pid = getppid()},
			"recovery of an interrupted session of user %u: %zu changes restored, %zu failures%s%s",
			dead.journal.owner.uid, summary.restored, summary.failures,
			r < 0 ? ": " : "", r < 0 ? err.text : "");
	return r < 0 || summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct qb_helper helper = {.client = QB_WIRE_NONE, .lock = -1, .lost = -1, .sign = -1};
	struct qb_error err = {0};
	char sudo_uid[16] = "";
	const char *from_sudo = getenv("SUDO_UID");

	if (argc == 2 && strcmp(argv[1], "--recover") == 0)
		return recover();
	if (argc != 1) {
		fprintf(stderr, "%s takes no arguments; it is started by quietbench\n", argv[0]);
		return 2;
	}
	if (from_sudo)
		snprintf(sudo_uid, sizeof(sudo_uid), "%s", from_sudo);
	if (qb_sandbox_start(&helper.client.fd, helper.kept, sizeof(helper.kept), &err) < 0)
		return EXIT_FAILURE;
	if (prepare(&helper, from_sudo ? sudo_uid : NULL, &err) < 0) {
		qb_wire_send_error(&helper.client, &err);
		qb_wire_close(&helper.client);
		qb_audit(&helper.peer, "refused: %s", err.text);
		return EXIT_FAILURE;
	}
	if (qb_guardian_fork(&helper, QB_MSG_NONE, NULL, 0) < 0)
		return EXIT_FAILURE;
	_exit(qb_monitor_run(&helper));
}
