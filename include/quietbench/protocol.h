/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs say to each other.
 *
 * Transport: SOCK_SEQPACKET, one message a packet, at most QB_MESSAGE_MAX bytes; a packet that is short, long, of
 * another version or not expected ends the session (and restores). Every message starts with struct
 * qb_message_head. Bodies are the fixed structs below, except STEP: any number of {uint32_t length, an encoded step
 * (step.h)}. Native byte order and layout: the peers are built together, `version` says so.
 *
 * A session, client → monitor (each request is answered by any number of the informing messages,
 * then exactly one DONE or ERROR; ERROR ends the session):
 *
 *	HELLO    who asks for what; the monitor waits for the host lock (NOTEs tell of the wait) and
 *	         recovers what a dead session left
 *	PLAN     struct qb_request, profiles as sealed memfds
 *	             → HOST PROFILE SELECTION STEP… DONE        nothing has been touched
 *	APPLY        → SELECTION STEP… DONE                     the host is conditioned
 *	LEASE    purpose LEASE only: it stays so when the client has gone   → DONE
 *	RUN      one fd (SCM_RIGHTS): the monitor's end of the throw-away socket   → DONE
 *	         the held child then sends PLACE on the other end, with SCM_CREDENTIALS of its own,
 *	         and is answered there by DONE or ERROR; it execs only after DONE. When it has
 *	         ended, another may follow (a preflight, then the benchmark)
 *	BORN     what was placed has forked a child of the client's in the run's group: from now on that
 *	         is the benchmark                                → DONE, or ERROR and the session goes on
 *	WATCH        → DONE                                     who runs on its CPUs is seen from now on
 *	             → SWITCHES… DONE                           the second: what was seen
 *	RESTORE      → LEFTOVER… STEP… DONE                     the host is as it was
 *	BYE      the end; end of file without it means that the client died
 *
 * purpose RESTORE (`quietbench restore`): HELLO is followed by RESTORE and BYE alone.
 * The session's socket is fd 0 of the helper: an end of a socketpair, or a connection accepted at QB_SOCKET_PATH.
 *
 * A conditioned host has a door, QB_DOOR_PATH: a socket on which its monitor listens. Whoever connects sends HELLO,
 * as above. It is answered with DONE and `joined`, or, when the caller has no business there, by end of file; then
 * it goes the ordinary way.
 *
 *	RUN      by the owner of a lease, or from inside a run: PLAN APPLY RUN RESTORE BYE as above, served by a
 *	         monitor of its own, which only places
 *	             → JOINED DONE                              what it has joined; PLAN and RUN tell
 *	                                                        likewise who else runs on its CPUs
 *	LEASE    by the owner of a lease: it is renewed, and the session over
 *	         `shared`, by root, where shared runs are: the helper of one more, whose turn it is.
 *	             → PROFILE SELECTION STEP… DONE             what the host is conditioned to
 *	         JOIN     it stays, until the connection ends   → DONE
 *	         JOIN     again: its benchmark is placed; not answered
 *	         RESTORE      → DONE and `joined`               other runs go on
 *	             → LEFTOVER… STEP… DONE                     it was the last, the host is as it was
 *	RESTORE  by the owner of a lease, or root: it has ended; RESTORE and BYE follow
 *
 * The planner has the same transport on its fd 0: it reads one PLAN (with its memfds) and answers HOST PROFILE PU…
 * SELECTION STEP… and DONE, or ERROR; asked for the policy, POLICY and DONE. `quietbench plan`, `doctor`, `topology`
 * and `profile` speak to it directly.
 * quietbench-watcher reads FOLLOW and answers with DONE; then WATCH, which it answers with SWITCHES… DONE, and ends.
 * quietbench-bus reads one ASK after the other on its fd 0, and answers each with TOLD or ERROR. It stays until the
 * other end is closed. ERROR with ENOTCONN says that nothing was asked of anybody: it has no bus, or has lost it.
 */
#ifndef QUIETBENCH_PROTOCOL_H
#define QUIETBENCH_PROTOCOL_H

#include <quietbench/error.h>
#include <quietbench/policy.h>
#include <quietbench/profile.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>
#include <stdbool.h>
#include <stdint.h>

#define QB_PROTOCOL_VERSION 6
#define QB_MESSAGE_MAGIC    0x51426d73u
#define QB_MESSAGE_MAX	    (48 * 1024)
#define QB_MESSAGE_FDS	    4

/* Not in QB_STATE_DIR, which the helper makes: only root can bind in /run, and gave it to its file's group. */
#define QB_SOCKET_PATH "/run/quietbench.socket"

/*
 * The only list of messages: it generates their types, the union of struct qb_message, and what
 * qb_message_receive holds a packet against. A row:
 *
 *	X(TYPE, member of struct qb_message, body, FIXED or VARIABLE, fds, senders, strings)
 *
 * FIXED: a packet has exactly the body's size; VARIABLE: at least that. `fds`: how many descriptors
 * come along at most. `strings`: the function of message.c that ends the strings and bounds the
 * counts (accept_STRINGS); `nothing` where there are none. The order is the wire's: append.
 */
/* clang-format off */
#define QB_MESSAGES(X) \
	X(HELLO,     hello,     qb_hello,             FIXED,    0, QB_SENDER_CLIENT | QB_SENDER_GUEST, hello) \
	X(PLAN,      request,   qb_request,           FIXED,    QB_MESSAGE_FDS, QB_SENDER_CLIENT, request) \
	X(APPLY,     apply,     qb_message_head,      FIXED,    0, QB_SENDER_CLIENT, nothing) \
	X(RUN,       run,       qb_message_head,      FIXED,    1, QB_SENDER_CLIENT, nothing) \
	X(PLACE,     place,     qb_message_head,      FIXED,    0, QB_SENDER_BENCHMARK, nothing) \
	X(RESTORE,   restore,   qb_message_head,      FIXED,    0, QB_SENDER_CLIENT | QB_SENDER_GUEST, nothing) \
	X(BYE,       bye,       qb_message_head,      FIXED,    0, QB_SENDER_CLIENT, nothing) \
	X(LEASE,     lease,     qb_message_head,      FIXED,    0, QB_SENDER_CLIENT, nothing) \
	X(JOIN,      join,      qb_join,              FIXED,    0, QB_SENDER_CLIENT | QB_SENDER_GUEST, nothing) \
	X(WATCH,     watch,     qb_watch_message,     FIXED,    0, QB_SENDER_CLIENT, nothing) \
	X(BORN,      born,      qb_born,              FIXED,    0, QB_SENDER_CLIENT, nothing) \
	/* answers; a STEP holds several */ \
	X(NOTE,      note,      qb_note,              FIXED,    0, QB_SENDER_HELPER, note) \
	X(PROFILE,   profile,   qb_profile_message,   FIXED,    0, QB_SENDER_HELPER | QB_SENDER_PLANNER, profile) \
	X(HOST,      host,      qb_host,              FIXED,    0, QB_SENDER_HELPER | QB_SENDER_PLANNER, host) \
	X(PU,        pus,       qb_pus,               FIXED,    0, QB_SENDER_PLANNER, pus) \
	X(SELECTION, selection, qb_selection_message, FIXED,    0, QB_SENDER_HELPER | QB_SENDER_PLANNER, selection) \
	X(STEP,      steps,     qb_message_head,      VARIABLE, 0, QB_SENDER_HELPER | QB_SENDER_PLANNER, nothing) \
	X(LEFTOVER,  leftover,  qb_leftover,          FIXED,    0, QB_SENDER_HELPER, leftover) \
	X(DONE,      done,      qb_done,              FIXED,    0, QB_SENDER_HELPER | QB_SENDER_PLANNER | QB_SENDER_WATCHER, nothing) \
	X(ERROR,     error,     qb_error_message,     FIXED,    0, QB_SENDER_HELPER | QB_SENDER_PLANNER | QB_SENDER_BUS | QB_SENDER_WATCHER, error) \
	X(POLICY,    policy,    qb_policy_message,    FIXED,    0, QB_SENDER_PLANNER, policy) \
	X(SWITCHES,  switches,  qb_switches_message,  FIXED,    0, QB_SENDER_HELPER | QB_SENDER_WATCHER, switches) \
	X(JOINED,    joined,    qb_joined_message,    FIXED,    0, QB_SENDER_HELPER, joined) \
	/* quietbench-watcher, quietbench-bus */ \
	X(FOLLOW,    follow,    qb_follow,            FIXED,    0, QB_SENDER_CLIENT, nothing) \
	X(ASK,       ask,       qb_ask,               FIXED,    0, QB_SENDER_CLIENT, ask) \
	X(TOLD,      told,      qb_told,              FIXED,    0, QB_SENDER_BUS, told)
/* clang-format on */

enum qb_message_type {
	QB_MSG_NONE, /* no message has it */
#define X(type, ...) QB_MSG_##type,
	QB_MESSAGES(X)
#undef X
		QB_MSG_END
};

/* The sender. The helper is a client where it asks the planner, the bus, or the helper behind the door. */
enum qb_sender {
	QB_SENDER_CLIENT = 1,
	QB_SENDER_BENCHMARK = 2, /* the held child */
	QB_SENDER_HELPER = 4,
	QB_SENDER_PLANNER = 8,
	QB_SENDER_BUS = 16,
	QB_SENDER_WATCHER = 32,
	QB_SENDER_GUEST = 64, /* at the door */
};

struct qb_message_info {
	const char *name; /* "HELLO" */
	size_t size;	  /* of the body */
	bool variable;	  /* more bytes may follow it */
	unsigned fds;	  /* at most */
	unsigned senders; /* one bit for each */
};
extern const struct qb_message_info qb_messages[QB_MSG_END]; /* by type; [QB_MSG_NONE] is empty */

struct qb_message_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
};

enum qb_purpose {
	QB_PURPOSE_RUN,
	QB_PURPOSE_RESTORE,
	QB_PURPOSE_LEASE,
};

struct qb_hello {
	struct qb_message_head head;
	uint8_t purpose;
	uint8_t force;	      /* restore --force */
	uint8_t shared;	      /* RUN: beside other such runs; LEASE: to join them (at the door) */
	uint8_t knocks;	      /* it joins its user's own lease rather than wait for it */
	int64_t lock_wait_ns; /* 0: do not wait; -1: for ever */
	/* LEASE: how long it lasts; or, when this is 0, the process that it lasts as long as */
	int64_t lease_ns;
	int32_t lease_while;
	char command[128]; /* for status and the log; not trusted, printable */
};

enum qb_request_mode {
	QB_REQUEST_PLAN,     /* everything */
	QB_REQUEST_DOCTOR,   /* every lever asked for, whatever the profile says */
	QB_REQUEST_TOPOLOGY, /* HOST, PU…, SELECTION */
	QB_REQUEST_PROFILE,  /* PROFILE alone: is it valid, what does it amount to */
	QB_REQUEST_POLICY,   /* POLICY alone: files[0] is the policy, and there is nothing else */
};

#define QB_REQUEST_SETS	    32
#define QB_REQUEST_SET	    256
#define QB_REQUEST_REQUIRES 32
#define QB_REQUEST_FILES    QB_MESSAGE_FDS

/* -c, -n and --node arrive here as sets of cpus.list, cpus.count and cpus.node. */
struct qb_request {
	struct qb_message_head head;
	uint8_t mode, n_set, n_require, n_files;
	uint8_t chroot; /* to the last file, a directory (--root); only to one's own planner */
	char profile[QB_PROFILE_FILE]; /* a name, or the label of files[0]; "": vm or default */
	char set[QB_REQUEST_SETS][QB_REQUEST_SET]; /* KEY=VALUE */
	char require[QB_REQUEST_REQUIRES][QB_NAME_MAX];
	char files[QB_REQUEST_FILES][QB_PROFILE_FILE]; /* labels of the memfds, in order */
	struct qb_cpus allowed; /* the CPUs the caller may use; empty: all that are online */
	/* What the policy refuses, whatever the profile says of cpus.isolation and cpus.smt. */
	uint8_t without_isolation, without_offline;
};

struct qb_note {
	struct qb_message_head head;
	char text[QB_ERROR_MAX];
};

struct qb_profile_message {
	struct qb_message_head head;
	struct qb_profile profile;
};

struct qb_host {
	struct qb_message_head head;
	uint32_t cpus, cores, packages, nodes, kinds, boot_cpu;
	uint8_t guest;
	char hypervisor[32];
	char cpu_model[96];
	char cpufreq_driver[32];   /* "" without cpufreq */
	int64_t max_khz, base_khz; /* of the benchmark's policy; 0 when unknown */
};

struct qb_policy_message {
	struct qb_message_head head;
	struct qb_policy policy;
};

#define QB_PUS_PER_MESSAGE 256
struct qb_pus {
	struct qb_message_head head;
	uint32_t n;
	struct qb_pu pus[QB_PUS_PER_MESSAGE];
};

struct qb_selection_message {
	struct qb_message_head head;
	struct qb_selection selection;
};

/* A shared run, as the monitor of all shared runs knows it. */
struct qb_join {
	struct qb_message_head head;
	int32_t pid;   /* of its benchmark; 0: it is not placed yet */
	uint32_t seat; /* that it has on each of its CPUs (helper.h, claims) */
	uint64_t start;
	struct qb_cpus cpus;
};

/*
 * To a run at the door: which session it has joined, and on which of that one's CPUs other runs are.
 * It comes with the answers to HELLO, PLAN and RUN.
 */
#define QB_TENANTS 64
struct qb_joined_message {
	struct qb_message_head head;
	char holder[256];     /* "the apply of user 0, since 10:26:00 until 11:26:00" */
	struct qb_cpus taken; /* all of these CPUs, ... */
	uint32_t n;	      /* ... and whose the first of them are */
	struct qb_tenant {
		uint32_t cpu;
		int32_t pid; /* of the other run's command; of its quietbench before there is one */
		uint32_t uid;
	} tenants[QB_TENANTS];
};

struct qb_born {
	struct qb_message_head head;
	int32_t pid;
};

/* With until_ns 0 the watch begins, else it ends then (CLOCK_MONOTONIC). Only for what was placed, on the session's CPUs. */
struct qb_watch_message {
	struct qb_message_head head;
	int64_t until_ns;
};

/* To quietbench-watcher: whom to watch for, and what the policy lets it tell. */
struct qb_follow {
	struct qb_message_head head;
	int32_t pid;   /* of the benchmark's process, which has no child and no thread yet */
	uint32_t uid;  /* the client's */
	uint8_t names; /* also processes of other users may be named */
	struct qb_cpus cpus;
};

/*
 * Tasks that ran on the watched CPUs (noise/watcher.h), in as many messages as it takes: first the sums of
 * each CPU, then the other tasks that ran there. The numbers at the top are of all of them, in every message.
 */
#define QB_SWITCHES_SEEN   256
#define QB_SWITCHES_NAMED  1024 /* at most so many in all; those that ran least are in the sums */
#define QB_SWITCHES_WHOSE  3	/* enum qb_whose (noise/runners.h) */
#define QB_SWITCHES_LEVELS 256
struct qb_switches_message {
	struct qb_message_head head;
	uint32_t n;
	uint32_t at_once;	  /* own threads that could run at once */
	int64_t waited_ns;	  /* own threads could have run and did not */
	int64_t exec_ns, exit_ns; /* of the command (CLOCK_MONOTONIC); 0: not seen */
	uint64_t lost;
	struct qb_seen {
		int32_t pid; /* 0: a sum, or a task that must not be named: the policy says whether other users' tasks have names */
		int32_t tid;
		uint32_t cpu;
		uint8_t whose;
		char comm[32]; /* "": a sum of those who have no entry of their own */
		int64_t ns;
		uint64_t times;
	} seen[QB_SWITCHES_SEEN];
};

/* A descendant that outlived the command, moved back to where the caller is. */
struct qb_leftover {
	struct qb_message_head head;
	int32_t pid;
	char comm[32];
};

struct qb_done {
	struct qb_message_head head;
	uint16_t of;	   /* the request that is answered */
	uint8_t complete;  /* RESTORE: everything of ours is back */
	uint8_t recovered; /* HELLO: leftovers of a dead session were restored first;
			       RESTORE: the monitor died, the guardian healed */
	uint8_t joined;	   /* HELLO: the door of a session that is already running;
			       RESTORE of a shared run: other runs go on, so the host stays as it is */
	uint8_t shared;	   /* HELLO: the session is that of shared runs */
	uint8_t over;	   /* RESTORE: the host was restored before: what it had joined has
			       ended, or the policy's time for a run is over */
	uint8_t unseen;	   /* WATCH: this host does not let even root see that, or nobody looks
			       any more: it was restored before */
	uint32_t conflicts, failures;
};

/* Codes of an ERROR, with which no system call of the helper's fails: from where this client is, no host can be
 * conditioned, as without privilege; what it waits for is its user's own lease, whose door is open by now. */
#define QB_NOT_FROM_HERE ENOKEY
#define QB_COME_IN	 EALREADY

struct qb_error_message {
	struct qb_message_head head;
	int32_t code;
	char text[QB_ERROR_MAX];
};

/*
 * What quietbench-bus can be asked, and the function that does it there (bus/bus.h); host/systemd.h and
 * logind.h say what each means.
 */
/* clang-format off */
#define QB_BUS_CALLS(X) \
	X(SETTLE,      settle) \
	X(START_SLICE, start_slice) \
	X(START_SCOPE, start_scope) \
	X(ID,          id) \
	X(UNIT_OF,     unit_of) \
	X(ACTIVE,      active) \
	X(CHECK_STOP,  check_stop) \
	X(STOP,        stop) \
	X(START,       start) \
	X(FROZEN,      frozen) \
	X(FREEZE,      freeze) \
	X(TIMERS,      timers) \
	X(INHIBIT,     inhibit) \
	X(INHIBITED,   inhibited) \
	X(DESKTOPS,    desktops)
/* clang-format on */
enum qb_bus_call {
#define X(call, name) QB_BUS_##call,
	QB_BUS_CALLS(X)
#undef X
		QB_BUS_CALL_COUNT
};

/* The longest name of a unit of systemd's, with its NUL. */
#define QB_SYSTEMD_NAME 256

struct qb_ask {
	struct qb_message_head head;
	uint8_t call;	  /* enum qb_bus_call */
	uint8_t on;	  /* FREEZE, INHIBIT; else thaw, let go */
	uint8_t confined; /* a slice, a scope: to `cpus` */
	int32_t pid;	  /* START_SCOPE, UNIT_OF */
	int64_t within_us;
	char name[QB_SYSTEMD_NAME], slice[QB_SYSTEMD_NAME];
	/* of a scope, as struct qb_systemd_limits has them */
	uint64_t memory_max, memory_high, swap_max, tasks_max, cpu_usec, cpu_weight, io_weight;
	struct qb_cpus cpus, nodes;
};

/* When a timer starts its unit next. */
struct qb_systemd_timer {
	char name[QB_SYSTEMD_NAME];
	int64_t in_us; /* microseconds from now */
};

/* A session with a desktop, or the greeter that waits for one. */
struct qb_logind_desktop {
	char user[64];
	char seat[32]; /* "": a remote one */
	char type[16]; /* "wayland", "x11" */
};

#define QB_TOLD_TIMERS 4
struct qb_told {
	struct qb_message_head head;
	uint8_t yes; /* ACTIVE, FROZEN, INHIBITED */
	uint32_t n;  /* how many timers, desktops there are: these are the first, one of them */
	char name[QB_SYSTEMD_NAME]; /* ID, UNIT_OF */
	struct qb_systemd_timer timers[QB_TOLD_TIMERS];
	struct qb_logind_desktop desktop;
};

/* One received packet. fds are CLOEXEC and owned by the receiver (qb_message_close). */
struct qb_message {
	size_t size;
	int fds[QB_MESSAGE_FDS];
	unsigned n_fds;
	int32_t pid; /* SCM_CREDENTIALS when asked for with SO_PASSCRED; else 0 */
	uint32_t uid;
	union {
		struct qb_message_head head;
#define X(type, member, body, ...) struct body member;
		QB_MESSAGES(X)
#undef X
		unsigned char bytes[QB_MESSAGE_MAX];
	};
};

/* Fills in the head and sends: 0 or a negative errno (-EPIPE when the peer is gone; never a signal). It blocks; …_now never does:
 * -EAGAIN. Root's side has no other way to send (helper/wire.c). */
int qb_message_send(int fd, enum qb_message_type type, void *message, size_t size, const int *fds,
	unsigned n_fds);
int qb_message_send_now(int fd, enum qb_message_type type, void *message, size_t size,
	const int *fds, unsigned n_fds);
/* A packet with as many steps from *at on as it holds; *at is then the next one. Its size, or -EMSGSIZE. */
int qb_message_pack_steps(
	const struct qb_steps *steps, size_t *at, unsigned char buf[QB_MESSAGE_MAX]);
int qb_message_send_steps(int fd, const struct qb_steps *steps);
/* Appends the steps of a received STEP message. How many, or -EBADMSG, -ENOMEM. */
int qb_message_read_steps(const struct qb_message *message, struct qb_steps *steps);
int qb_message_send_done(int fd, enum qb_message_type of);
int qb_message_send_error(int fd, const struct qb_error *err);
/* Receives one packet from `sender` and checks it against its row: head, size, descriptors, sender. Strings are made to end.
 * 1: a message; 0: end of file; or -EBADMSG, -EPROTO and friends. */
int qb_message_receive(int fd, enum qb_sender sender, struct qb_message *ret, struct qb_error *err);
/* The same, and never waits (-EAGAIN), not for a descriptor either: to close one, or to throw it away, may last as long as who made
 * it likes (FUSE). One that the message has not stays in the socket (-EBADMSG), those of a refused one stay open (helper/wire.c). */
int qb_message_receive_now(
	int fd, enum qb_sender sender, struct qb_message *ret, struct qb_error *err);
/* What is next, which stays there: its type, if that can be told. Do descriptors (or credentials) come along? */
enum qb_message_type qb_message_peek(int fd, bool *ret_fds);
void qb_message_close(struct qb_message *message);

#endif
