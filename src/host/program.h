/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executing a program of ours that is to have nothing of ours: no capability, not even root's, no
 * environment, no descriptor but its socket, small limits. It ends with this process.
 */
#ifndef QB_HOST_PROGRAM_H
#define QB_HOST_PROGRAM_H

#include <quietbench/error.h>

struct qb_program {
	int socket; /* SOCK_SEQPACKET, the program's fd 0 */
	int said;   /* its stderr, also why it could not be executed (qb_file_read_said) */
	int pidfd;
};

/*
 * The program lies beside this one, else in QB_LIBEXECDIR, and belongs to root or to whom this one
 * belongs to. -ENOTSUP, with the reason, where it cannot be started; the descriptors are CLOEXEC and the
 * caller's.
 */
int qb_program_start(const char *name, struct qb_program *ret, struct qb_error *err);

#endif
