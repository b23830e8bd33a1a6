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

struct qb_program {
	int socket; /* SOCK_SEQPACKET, the program's fd 0 */
	int said;   /* its stderr, also why it could not be executed (qb_file_read_said) */
	int pidfd;
};

#define QB_PROGRAM_NONE ((struct qb_program){.socket = -1})

/*
 * The program lies beside this one, else in QB_LIBEXECDIR, and belongs to root or to whom this one
 * belongs to. -ENOTSUP, with the reason, where it cannot be started; the descriptors are CLOEXEC and the
 * caller's.
 *
 * `caps` (CAP_…, `n` of them): it is nobody, the overflow user, with these; without any it stays the user
 * that this process is.
 */
int qb_program_start(
	const char *name, const int *caps, size_t n, struct qb_program *ret, struct qb_error *err);
/* 0, or a negative errno: -EPIPE when it has ended. Never waits. */
int qb_program_send(
	const struct qb_program *program, enum qb_message_type type, void *message, size_t size);
/*
 * Its next message, from `sender`: 0, or a negative errno. -ETIMEDOUT: nothing came for so long; -EPIPE: it
 * has died; -ENOTSUP: and said why before (it could not be executed, a library is missing).
 */
int qb_program_await(const struct qb_program *program, enum qb_sender sender, int patience_ms,
	struct qb_message *ret, struct qb_error *err);
/* Ends it, whatever it does, and closes what is left of it. */
void qb_program_end(struct qb_program *program);

#endif
