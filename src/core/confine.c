/* SPDX-License-Identifier: GPL-2.0-or-later */
/* confine.h */
#include <core/confine.h>

#ifndef __SANITIZE_ADDRESS__
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int qb_confine(enum qb_confined who, struct qb_error *err)
{
	const struct qb_confine_filter *filter = &qb_confine_filters[who];
	struct sock_fprog program = {
		.len = filter->n, .filter = (struct sock_filter *)filter->code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0)
		return qb_error_errno(err, errno, "confine this process (seccomp)");
	return 0;
}
#else
/* The sanitizers need calls of their own; the release build is the one that is confined. */
int qb_confine(enum qb_confined who, struct qb_error *err)
{
	return 0;
}
#endif
