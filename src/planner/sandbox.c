/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * planner.h: sandbox. Before the planner reads a word of anybody's it MUST
 *
 *  1. be nobody's to look into: not dumpable, so no other process of its user traces it or reads its
 *     memory, and no core is left;
 *  2. have no way but its socket: files are opened for reading alone; no process, no other socket, no
 *     limit, no namespace, no other root. Any other call ends it.
 *
 * A user's own planner may enter a captured host (--root); the helper's may not.
 */
#include "planner.h"
#include <core/confine.h>
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

int qb_sandbox_enter(bool own, struct qb_error *err)
{
#ifndef __SANITIZE_ADDRESS__ /* LeakSanitizer traces us */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return qb_error_errno(err, errno, "hide this process from its user");
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return qb_error_errno(err, errno, "give up privileges");
	return qb_confine(own ? QB_CONFINED_OWN_PLANNER : QB_CONFINED_PLANNER, err);
}

int qb_sandbox_chroot(int fd, struct qb_error *err)
{
	if (fchdir(fd) < 0)
		return qb_error_errno(err, errno, "enter the folder");
	if (chroot(".") == 0)
		return 0;
	if (errno == EPERM && unshare(CLONE_NEWUSER) == 0 && chroot(".") == 0)
		return 0;
	return qb_error_errno(err, errno,
		"make the folder this program's root (without user namespaces this takes root)");
}
