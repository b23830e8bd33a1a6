/* SPDX-License-Identifier: GPL-2.0-or-later */
/* protocol.h: sending and receiving. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <quietbench/protocol.h>
#include <sys/socket.h>

#define FIXED	 false
#define VARIABLE true
const struct qb_message_info qb_messages[QB_MSG_END] = {
#define X(type, member, body, kind, fds, senders, strings)                                         \
	[QB_MSG_##type] = {#type, sizeof(struct body), kind, fds, senders},
	QB_MESSAGES(X)
#undef X
};

#define X(type, member, body, kind, n_fds, senders, strings)                                       \
	_Static_assert(sizeof(struct body) <= QB_MESSAGE_MAX && (n_fds) <= QB_MESSAGE_FDS,         \
		"every message fits a packet");
QB_MESSAGES(X)
#undef X

static int send_packet(int fd, enum qb_message_type type, void *message, size_t size,
	const int *fds, unsigned n_fds, int flags)
{
	struct qb_message_head *head = message;
	struct iovec iov = {.iov_base = message, .iov_len = size};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * QB_MESSAGE_FDS)];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	*head = (struct qb_message_head){
		.magic = QB_MESSAGE_MAGIC, .version = QB_PROTOCOL_VERSION, .type = (uint16_t)type};
	if (n_fds > QB_MESSAGE_FDS)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *cmsg = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		if (sendmsg(fd, &msg, flags | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

int qb_message_send(int fd, enum qb_message_type type, void *message, size_t size, const int *fds,
	unsigned n_fds)
{
	return send_packet(fd, type, message, size, fds, n_fds, 0);
}

int qb_message_send_now(int fd, enum qb_message_type type, void *message, size_t size,
	const int *fds, unsigned n_fds)
{
	return send_packet(fd, type, message, size, fds, n_fds, MSG_DONTWAIT);
}

int qb_message_send_done(int fd, enum qb_message_type of)
{
	struct qb_done done = {.of = (uint16_t)of};

	return qb_message_send(fd, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

int qb_message_send_error(int fd, const struct qb_error *err)
{
	struct qb_error_message message = {.code = err->code};

	qb_text_copy(message.text, sizeof(message.text), err->text);
	return qb_message_send(fd, QB_MSG_ERROR, &message, sizeof(message), NULL, 0);
}

void qb_message_close(struct qb_message *message)
{
	for (unsigned i = 0; i < message->n_fds; i++)
		close(message->fds[i]);
	message->n_fds = 0;
}

/*
 * Gets fds and credentials out of the control data. More than a message may have are closed here, if they may be. False: there
 * were more.
 */
static bool receive_control(struct msghdr *msg, struct qb_message *ret, bool may_close)
{
	bool fits = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			ret->pid = cred.pid;
			ret->uid = cred.uid;
		}
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (const char *)c + at, sizeof(fd));
			fits = ret->n_fds < QB_MESSAGE_FDS;
			if (fits)
				ret->fds[ret->n_fds++] = fd;
			else if (may_close)
				close(fd);
		}
	}
	return fits;
}

/* A string in a fixed array: whatever the peer sent, it ends. */
#define END(array) ((array)[sizeof(array) - 1] = '\0')

/* One for each value of the column `strings`: its text ends, its counts are within bounds. */

static int accept_hello(struct qb_message *message, struct qb_error *err)
{
	END(message->hello.command);
	if (message->hello.purpose > QB_PURPOSE_LEASE)
		return qb_error_set(err, EBADMSG, "a session of unknown purpose");
	return 0;
}

static int accept_request(struct qb_message *message, struct qb_error *err)
{
	struct qb_request *request = &message->request;

	END(request->profile);
	for (size_t i = 0; i < QB_REQUEST_SETS; i++)
		END(request->set[i]);
	for (size_t i = 0; i < QB_REQUEST_REQUIRES; i++)
		END(request->require[i]);
	for (size_t i = 0; i < QB_REQUEST_FILES; i++)
		END(request->files[i]);
	if (request->n_set > QB_REQUEST_SETS || request->n_require > QB_REQUEST_REQUIRES ||
		request->n_files > QB_REQUEST_FILES || request->mode > QB_REQUEST_POLICY)
		return qb_error_set(err, EBADMSG, "a request with counts out of bounds");
	return 0;
}

static int accept_note(struct qb_message *message, struct qb_error *err)
{
	END(message->note.text);
	return 0;
}

static int accept_profile(struct qb_message *message, struct qb_error *err)
{
	struct qb_profile *profile = &message->profile.profile;

	END(profile->name);
	END(profile->file);
	END(profile->sha256);
	END(profile->description);
	for (size_t i = 0; i < QB_KEY_COUNT; i++)
		END(profile->set[i].text);
	return 0;
}

static int accept_host(struct qb_message *message, struct qb_error *err)
{
	END(message->host.hypervisor);
	END(message->host.cpu_model);
	END(message->host.cpufreq_driver);
	return 0;
}

static int accept_pus(struct qb_message *message, struct qb_error *err)
{
	if (message->pus.n > QB_PUS_PER_MESSAGE)
		return qb_error_set(err, EBADMSG, "a message with %u CPUs", message->pus.n);
	return 0;
}

static int accept_selection(struct qb_message *message, struct qb_error *err)
{
	END(message->selection.selection.why);
	END(message->selection.selection.note);
	return 0;
}

static int accept_leftover(struct qb_message *message, struct qb_error *err)
{
	END(message->leftover.comm);
	return 0;
}

static int accept_error(struct qb_message *message, struct qb_error *err)
{
	END(message->error.text);
	return 0;
}

static int accept_policy(struct qb_message *message, struct qb_error *err)
{
	struct qb_policy *policy = &message->policy.policy;

	if (policy->n > QB_POLICY_RULES)
		return qb_error_set(err, EBADMSG, "a policy of %u rules", policy->n);
	for (unsigned i = 0; i < policy->n; i++) {
		END(policy->rules[i].name);
		if (policy->rules[i].n_who > QB_POLICY_WHO)
			return qb_error_set(
				err, EBADMSG, "a rule for %u names", policy->rules[i].n_who);
	}
	return 0;
}

static int accept_switches(struct qb_message *message, struct qb_error *err)
{
	const struct qb_switches_message *switches = &message->switches;

	if (switches->n > QB_SWITCHES_SEEN || switches->at_once >= QB_SWITCHES_LEVELS)
		return qb_error_set(err, EBADMSG, "a message with %u runners, %u at once",
			switches->n, switches->at_once);
	for (uint32_t i = 0; i < switches->n; i++) {
		END(message->switches.seen[i].comm);
		if (switches->seen[i].whose >= QB_SWITCHES_WHOSE ||
			switches->seen[i].cpu >= QB_CPUS_MAX)
			return qb_error_set(err, EBADMSG, "a runner of unknown kind or CPU");
	}
	return 0;
}

static int accept_joined(struct qb_message *message, struct qb_error *err)
{
	const struct qb_joined_message *joined = &message->joined;

	END(message->joined.holder);
	if (joined->n > QB_TENANTS)
		return qb_error_set(err, EBADMSG, "a message with %u other runs", joined->n);
	for (uint32_t i = 0; i < joined->n; i++)
		if (joined->tenants[i].cpu >= QB_CPUS_MAX)
			return qb_error_set(err, EBADMSG, "a run on an unknown CPU");
	return 0;
}

static int accept_ask(struct qb_message *message, struct qb_error *err)
{
	END(message->ask.name);
	END(message->ask.slice);
	if (message->ask.call >= QB_BUS_CALL_COUNT)
		return qb_error_set(err, EBADMSG, "an unknown call of the bus");
	return 0;
}

static int accept_told(struct qb_message *message, struct qb_error *err)
{
	struct qb_told *told = &message->told;

	END(told->name);
	for (size_t i = 0; i < QB_TOLD_TIMERS; i++)
		END(told->timers[i].name);
	END(told->desktop.user);
	END(told->desktop.seat);
	END(told->desktop.type);
	return 0;
}

#define accept_nothing NULL
static int (*const accept_strings[])(struct qb_message *message, struct qb_error *err) = {
#define X(type, member, body, kind, fds, senders, strings) [QB_MSG_##type] = accept_##strings,
	QB_MESSAGES(X)
#undef X
};

static const char *sender_name(enum qb_sender sender)
{
	switch (sender) {
	case QB_SENDER_CLIENT: return "the client";
	case QB_SENDER_BENCHMARK: return "the benchmark";
	case QB_SENDER_HELPER: return "the helper";
	case QB_SENDER_PLANNER: return "the planner";
	case QB_SENDER_BUS: return "quietbench-bus";
	case QB_SENDER_WATCHER: return "quietbench-watcher";
	case QB_SENDER_GUEST: return "a guest";
	}
	return "nobody";
}

/* What arrived, against its row of the table. */
static int check(struct qb_message *message, enum qb_sender sender, struct qb_error *err)
{
	const unsigned type = message->head.type;
	const struct qb_message_info *info = &qb_messages[type < QB_MSG_END ? type : QB_MSG_NONE];

	if (message->size < sizeof(message->head) || message->head.magic != QB_MESSAGE_MAGIC)
		return qb_error_set(err, EBADMSG, "a packet that is not a message of quietbench");
	if (message->head.version != QB_PROTOCOL_VERSION)
		return qb_error_set(err, EPROTO,
			"the peer speaks protocol %u, this program %u: install the programs "
			"of one version",
			message->head.version, QB_PROTOCOL_VERSION);
	if (!info->name || message->size < info->size ||
		(!info->variable && message->size > info->size))
		return qb_error_set(
			err, EBADMSG, "a message of type %u with %zu bytes", type, message->size);
	if (!(info->senders & sender))
		return qb_error_set(
			err, EPROTO, "%s may not send %s", sender_name(sender), info->name);
	if (message->n_fds > info->fds)
		return qb_error_set(err, EBADMSG, "%s with %u descriptors, not at most %u",
			info->name, message->n_fds, info->fds);
	return accept_strings[type] ? accept_strings[type](message, err) : 0;
}

/* The kernel's limit (include/net/scm.h): no more come with one packet. */
#define SCM_MAX_FD 253

static int receive_packet(
	int fd, enum qb_sender sender, struct qb_message *ret, int flags, struct qb_error *err)
{
	const bool may_close = !(flags & MSG_DONTWAIT);
	struct iovec iov = {.iov_base = ret->bytes, .iov_len = sizeof(ret->bytes)};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * SCM_MAX_FD) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	bool again = true, fits;
	ssize_t n;
	int r;

	ret->size = 0;
	ret->n_fds = 0;
	ret->pid = 0;
	do {
		n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
		/* A peer that ended with an unread request resets the socket once; what it said
		 * before it ended is behind that. */
		if (n < 0 && errno == ECONNRESET && again) {
			again = false;
			errno = EINTR;
		}
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return qb_error_errno(err, errno, "receive a message");
	if (n == 0)
		return 0;
	ret->size = (size_t)n;
	fits = receive_control(&msg, ret, may_close);
	if (!fits || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		r = qb_error_set(err, EBADMSG, "a packet of more than %d bytes or %d fds",
			QB_MESSAGE_MAX, QB_MESSAGE_FDS);
	else
		r = check(ret, sender, err);
	if (r < 0 && may_close)
		qb_message_close(ret);
	if (r < 0)
		ret->n_fds = 0;
	return r < 0 ? r : 1;
}

int qb_message_receive(int fd, enum qb_sender sender, struct qb_message *ret, struct qb_error *err)
{
	return receive_packet(fd, sender, ret, 0, err);
}

enum qb_message_type qb_message_peek(int fd, bool *ret_fds)
{
	struct qb_message_head head = {0};
	struct iovec iov = {.iov_base = &head, .iov_len = sizeof(head)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);

	/* There is no room for any. */
	*ret_fds = n >= 0 && msg.msg_flags & MSG_CTRUNC;
	return n == (ssize_t)sizeof(head) && head.type < QB_MSG_END
		       ? (enum qb_message_type)head.type
		       : QB_MSG_NONE;
}

/* The kernel's word who sends is asked for before it is sent, and must not be taken for a descriptor. */
static void ask_credentials(int fd, enum qb_sender sender, int on)
{
	if (sender == QB_SENDER_BENCHMARK)
		(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

int qb_message_receive_now(
	int fd, enum qb_sender sender, struct qb_message *ret, struct qb_error *err)
{
	const struct qb_message_info *info;
	bool fds;

	ret->size = 0;
	ret->n_fds = 0;
	ask_credentials(fd, sender, 0);
	info = &qb_messages[qb_message_peek(fd, &fds)];
	ask_credentials(fd, sender, 1);
	if (fds && !(info->fds && info->senders & sender))
		return qb_error_set(err, EBADMSG, "%s with descriptors, which it has not",
			info->name ? info->name : "a packet");
	return receive_packet(fd, sender, ret, MSG_DONTWAIT, err);
}
