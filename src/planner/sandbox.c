/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner.h: sandbox */
#include "planner.h"
#include <base/macros.h>
#include <core/confine.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/* Files are opened for reading alone; and there is the way into --root. */
static const struct qb_confine_rule allowed[] = {
	QB_CALL_IF("openat", 2, WRITING, 0),
	{.call = "openat", .refuse = EACCES, .n = 1, .arg = 2, .mask = O_WRONLY, .value = O_WRONLY},
	QB_CALL("chroot"),
	QB_CALL("unshare"),
};

int qb_sandbox_enter(struct qb_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return qb_error_errno(err, errno, "give up privileges");
	return qb_confine(QB_CONFINE_KILL, allowed, QB_ARRAY_SIZE(allowed), err);
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
