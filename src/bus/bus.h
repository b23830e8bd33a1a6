/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pieces of quietbench-bus, and the one place where sd-bus is included: its types do not leave this
 * program.
 */
#ifndef QB_BUS_BUS_H
#define QB_BUS_BUS_H

#include <quietbench/protocol.h>
#include <systemd/sd-bus.h>

#define QB_BUS_NAME "quietbench-bus"

#define QB_SYSTEMD_SERVICE "org.freedesktop.systemd1"
#define QB_SYSTEMD_OBJECT  "/org/freedesktop/systemd1"
#define QB_SYSTEMD_MANAGER QB_SYSTEMD_SERVICE ".Manager"
#define QB_SYSTEMD_UNIT	   QB_SYSTEMD_SERVICE ".Unit"
#define QB_SYSTEMD_GONE	   QB_SYSTEMD_SERVICE ".NoSuchUnit"

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp) sd_bus_message *
#define _cleanup_error_	  _cleanup_(sd_bus_error_free) sd_bus_error

/* ---- serve.c ---- */

/*
 * Answers what comes in on a socket, until its other end is closed or the bus is gone: each ASK with
 * one TOLD or ERROR. `confine` leaves the process with these two sockets. Exit status.
 */
int qb_bus_serve(int socket, int (*confine)(struct qb_error *err));

/* One function for each call (protocol.h says what they do): negative, and *err says why. */
#define X(call, name)                                                                              \
	int qb_bus_##name(                                                                         \
		sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err);
QB_BUS_CALLS(X)
#undef X

/* ---- systemd.c ---- */

/*
 * "WHAT NAME: " and what the other side said, or else what the errno means. This never gives ENOENT or
 * ESRCH: a restore takes these for a unit that is gone, and leaves it; which it is, only a function
 * that has asked just that may say. Nor ENOTCONN, which says that nothing was asked.
 */
int qb_bus_fail(
	struct qb_error *err, int r, const sd_bus_error *said, const char *what, const char *name);
/* Can this process still do anything? Not when it waits to be reaped, or was killed with its helper. */
bool qb_bus_lives(pid_t pid);

/* The object of a unit that systemd has loaded (every active one is): 0 or -ENOENT. */
int qb_bus_find(sd_bus *bus, const char *name, char **ret, struct qb_error *err);

enum qb_bus_state {
	QB_BUS_STOPPED,
	QB_BUS_RUNNING,
	QB_BUS_CHANGING, /* it has a job, or is between states */
};
/* sd-bus' errno, without words. */
int qb_bus_state(sd_bus *bus, const char *path, enum qb_bus_state *ret);
/* Waits until a unit stands still, so long at most, and says how; one that is not loaded does. */
int qb_bus_wait(sd_bus *bus, const char *name, unsigned patience_ms, enum qb_bus_state *ret,
	struct qb_error *err);
/* Waits until a unit that was told to start runs. */
int qb_bus_wait_running(sd_bus *bus, const char *name, struct qb_error *err);

/* What a look waits for at most; and a job, whose unit's own time limits are 90 s by default. */
#define QB_BUS_LOOK_MS	20000
#define QB_BUS_JOB_MS	100000
#define QB_BUS_PAUSE_MS 10
void qb_bus_pause(void);

#endif
