/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.h and logind.h, built without libsystemd: whether systemd is there can still be told, and why not to be asked. */
#include <errno.h>
#include <host/logind.h>
#include <host/systemd.h>
#include <sys/stat.h>

bool qb_systemd_booted(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

#ifndef HAVE_SYSTEMD

static int not_built(struct qb_error *err)
{
	return qb_error_set(err, ENOTSUP,
		"quietbench was built without libsystemd: install libsystemd-dev and build again");
}

int qb_systemd_available(struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_settle(const char *unit, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_id(const char *name, char *buf, size_t size, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_unit_of(pid_t pid, char *buf, size_t size, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_active(const char *name, bool *ret, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_check_stop(const char *name, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_stop(const char *name, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_start(const char *name, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_timers(int64_t within_us, struct qb_systemd_timer *ret, size_t max, size_t *ret_n,
	struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_frozen(const char *name, bool *ret, struct qb_error *err)
{
	return not_built(err);
}

int qb_systemd_freeze(const char *name, bool freeze, struct qb_error *err)
{
	return not_built(err);
}

int qb_logind_available(struct qb_error *err)
{
	return not_built(err);
}

int qb_logind_inhibit(int *ret_fd, struct qb_error *err)
{
	return not_built(err);
}

int qb_logind_holder(pid_t *ret, struct qb_error *err)
{
	return not_built(err);
}

int qb_logind_desktops(struct qb_logind_desktop *ret, size_t *ret_n, struct qb_error *err)
{
	return not_built(err);
}

#endif
