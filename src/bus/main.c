/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench-bus: asks systemd and logind, for root's monitor and for `quietbench doctor`.
 *
 * Both would have to link libsystemd and all that it links; so does this program instead, which has
 * nothing but two sockets: its fd 0, on which it is asked (protocol.h), and the system bus. What it MUST
 * hold:
 *
 *  1. It has no capability and no way to one, although it is root's where root's monitor asks: systemd
 *     obeys that user. (qb_program_start sees to it before the first instruction of this program.)
 *  2. It opens no socket and no file for writing once it has been asked anything.
 *  3. It does not outlive who started it.
 */
#include "bus.h"
#include <core/confine.h>
#include <errno.h>
#include <sys/prctl.h>

static int confine(struct qb_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return qb_error_errno(err, errno, "give up privileges");
	return qb_confine(QB_CONFINED_BUS, err);
}

int main(int argc, char **argv)
{
	if (argc != 1) {
		fprintf(stderr, "%s takes no arguments; it is started by quietbench\n", argv[0]);
		return 2;
	}
	/* Executed by a descriptor, it would be called "3". Others tell it by its name (qb_bus_lives). */
	prctl(PR_SET_NAME, QB_BUS_NAME, 0, 0, 0);
	return qb_bus_serve(0, confine);
}
