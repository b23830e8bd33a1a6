/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench-watcher: sees which tasks run on a benchmark's CPUs, for a client who may not use perf.
 *
 * Root's monitor executes it as nobody, with the two capabilities that seeing takes and a filter of
 * system calls, and passes on what it tells. On fd 0 (protocol.h): FOLLOW, answered by DONE; then WATCH,
 * answered by SWITCHES and DONE, which is the end. What it MUST hold:
 *
 *  1. It tells sums, and whose they are only where FOLLOW lets it; no descriptor of perf's leaves it.
 *  2. It does not outlive who started it, nor the end of its socket.
 *  3. What opening perf's events took (CAP_PERFMON, or CAP_SYS_ADMIN) it has no longer than that takes.
 */
#include <base/macros.h>
#include <core/confine.h>
#include <errno.h>
#include <host/tasks.h>
#include <linux/capability.h>
#include <noise/watcher.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Names of processes that are neither the client's nor the kernel's are the policy's to give. */
static bool hide(const struct qb_runner *runner, const void *data)
{
	const struct qb_follow *order = data;

	return !order->names && runner->whose != QB_WHOSE_OWN && runner->uid != order->uid &&
	       !qb_task_is_kernel(runner->pid);
}

static int send_seen(struct qb_switches_message *message, void *to)
{
	return qb_message_send(0, QB_MSG_SWITCHES, message, sizeof(*message), NULL, 0);
}

/* Watches until it is asked. 0, or a negative errno: nobody will ask any more. */
static int watch(struct qb_watcher *watcher, struct qb_message *message)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	int r;

	do {
		r = poll(&p, 1, qb_watcher_patience(watcher));
		if (qb_watcher_patience(watcher) == 0)
			qb_watcher_drain(watcher);
	} while (r == 0 || (r < 0 && errno == EINTR));
	if (r < 0 || qb_message_receive(0, QB_SENDER_CLIENT, message, NULL) <= 0 ||
		message->head.type != QB_MSG_WATCH)
		return -EPIPE;
	return 0;
}

/* MUST 3. What stays sees /proc where that hides other users' processes. */
static int shed(struct qb_error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_data_struct *word = &data[CAP_TO_INDEX(CAP_SYS_PTRACE)];

	word->effective = word->permitted = CAP_TO_MASK(CAP_SYS_PTRACE);
	return syscall(SYS_capset, &head, data) < 0
		       ? qb_error_errno(err, errno, "give up what perf took")
		       : 0;
}

static int serve(struct qb_message *message)
{
	const struct qb_follow order = message->follow;
	struct qb_watcher watcher = {0};
	struct qb_error err = {0};
	int r = qb_watcher_open(&watcher, &order.cpus, order.pid, &err);

	if (r == 0)
		r = shed(&err);
	if (r < 0)
		qb_message_send_error(0, &err);
	if (r == 0)
		r = qb_message_send_done(0, QB_MSG_FOLLOW);
	if (r == 0)
		r = watch(&watcher, message);
	if (r == 0) {
		qb_watcher_end(&watcher, message->watch.until_ns);
		r = qb_watcher_tell(&watcher, hide, &order, send_seen, NULL);
	}
	if (r == 0)
		r = qb_message_send_done(0, QB_MSG_WATCH);
	qb_watcher_close(&watcher);
	return r;
}

int main(int argc, char **argv)
{
	static struct qb_message message;
	struct qb_error err = {0};

	if (argc != 1) {
		fprintf(stderr, "%s takes no arguments; it is started by quietbench\n", argv[0]);
		return 2;
	}
	/* Executed by a descriptor, it would be called "3". */
	prctl(PR_SET_NAME, "quietbench-watch", 0, 0, 0);
	if (qb_confine(QB_CONFINED_WATCHER, &err) < 0) {
		qb_message_send_error(0, &err);
		return EXIT_FAILURE;
	}
	if (qb_message_receive(0, QB_SENDER_CLIENT, &message, NULL) <= 0 ||
		message.head.type != QB_MSG_FOLLOW)
		return EXIT_FAILURE; /* nobody asks */
	return serve(&message) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
