/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executing a program of ours that is to have nothing of ours: no capability, not even root's, but
 * those that it is given, no environment, no descriptor but its socket, small limits. It ends with this
 * process.
 *
 *	struct qb_program program = QB_PROGRAM_NONE;
 *	qb_program_start → qb_program_send, qb_program_await… → qb_program_end
 */
#ifndef QB_HOST_PROGRAM_H
#define QB_HOST_PROGRAM_H

#include <quietbench/protocol.h>
#include <stdbool.h>
#include <stddef.h>

struct qb_program {
	int socket; /* SOCK_SEQPACKET, the program's fd 0 */
	int said;   /* its stderr, also why it could not be executed (qb_file_read_said) */
	int pidfd;
};

#define QB_PROGRAM_NONE ((struct qb_program){.socket = -1})

/*
 * A file beside this program, in the build as installed; else the one at `installed`. It belongs to root,
 * or to whom this program belongs to, and nobody else may write to it. Returns its fd (CLOEXEC).
 */
int qb_program_open(const char *beside, const char *installed, int flags, struct qb_error *err);

struct qb_program_order {
	const char *name; /* the file (qb_program_open), else in QB_LIBEXECDIR */
	bool nobody; /* the overflow user, with the capabilities `caps`; else this user, without any */
	const int *caps;
	size_t n;
	int file; /* becomes its fd 3, and "3" its argument; 0: none */
};
/* -ENOTSUP, with the reason, where it cannot be started; the descriptors are CLOEXEC and the caller's. */
int qb_program_start(
	const struct qb_program_order *order, struct qb_program *ret, struct qb_error *err);
/* 0, or a negative errno: -EPIPE when it has ended. Never waits. */
int qb_program_send(
	const struct qb_program *program, enum qb_message_type type, void *message, size_t size);
/*
 * Its next message, from `sender`; one that is stopped goes on. 0, or a negative errno. -ETIMEDOUT: nothing came for so long; -EPIPE: it
 * has died; -ENOTSUP: and said why before (it could not be executed, a library is missing).
 */
int qb_program_await(const struct qb_program *program, enum qb_sender sender, int patience_ms,
	struct qb_message *ret, struct qb_error *err);
/*
 * How one ended whose socket has ended: its signal, or QB_PROGRAM_EXITED and its status; 0: it has not. `said`
 * is the first line that it said.
 */
int qb_program_ended(const struct qb_program *program, char *said, size_t size);
#define QB_PROGRAM_EXITED 256
/* Ends it, whatever it does, and closes what is left of it. */
void qb_program_end(struct qb_program *program);

#endif
