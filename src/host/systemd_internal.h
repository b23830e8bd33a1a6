/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What systemd.c, systemd_units.c and logind.c share: the one place where sd-bus is included. Its
 * types do not leave these files.
 */
#ifndef QB_HOST_SYSTEMD_INTERNAL_H
#define QB_HOST_SYSTEMD_INTERNAL_H

#include <quietbench/error.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define QB_SYSTEMD_SERVICE "org.freedesktop.systemd1"
#define QB_SYSTEMD_OBJECT  "/org/freedesktop/systemd1"
#define QB_SYSTEMD_MANAGER QB_SYSTEMD_SERVICE ".Manager"
#define QB_SYSTEMD_UNIT	   QB_SYSTEMD_SERVICE ".Unit"
#define QB_SYSTEMD_GONE	   QB_SYSTEMD_SERVICE ".NoSuchUnit"

/*
 * libsystemd is loaded by qb_bus_open, and by nothing else: where nobody asks systemd no program pays
 * for it. These are its functions, without their sd_bus_; NULL until then.
 */
#define QB_BUS_FUNCTIONS(X)                                                                        \
	X(open_system)                                                                             \
	X(set_method_call_timeout)                                                                 \
	X(flush_close_unref)                                                                       \
	X(call)                                                                                    \
	X(call_method)                                                                             \
	X(get_property)                                                                            \
	X(get_property_string)                                                                     \
	X(get_property_trivial)                                                                    \
	X(error_free)                                                                              \
	X(error_has_name)                                                                          \
	X(message_new_method_call)                                                                 \
	X(message_set_auto_start)                                                                  \
	X(message_open_container)                                                                  \
	X(message_close_container)                                                                 \
	X(message_append)                                                                          \
	X(message_append_array)                                                                    \
	X(message_enter_container)                                                                 \
	X(message_read)                                                                            \
	X(message_unref)
#define QB_BUS_FUNCTION(name) __typeof__(sd_bus_##name) *name;
struct qb_bus_functions {
	QB_BUS_FUNCTIONS(QB_BUS_FUNCTION)
};
#undef QB_BUS_FUNCTION
extern struct qb_bus_functions qb_bus;

void qb_bus_close(sd_bus **bus);
void qb_bus_message_free(sd_bus_message **message);
void qb_bus_error_free(sd_bus_error *error);

#define _cleanup_bus_	  _cleanup_(qb_bus_close) sd_bus *
#define _cleanup_message_ _cleanup_(qb_bus_message_free) sd_bus_message *
#define _cleanup_error_	  _cleanup_(qb_bus_error_free) sd_bus_error

int qb_bus_open(sd_bus **ret, struct qb_error *err);
/*
 * "WHAT NAME: " and what the other side said, or else what the errno means. Neither this nor
 * qb_bus_open ever gives ENOENT or ESRCH: a restore takes these for a unit that is gone, and leaves
 * it; which it is, only a function that has asked just that may say.
 */
int qb_bus_fail(
	struct qb_error *err, int r, const sd_bus_error *said, const char *what, const char *name);

/* The object of a unit that systemd has loaded (every active one is): 0 or -ENOENT. */
int qb_systemd_find(sd_bus *bus, const char *name, char **ret, struct qb_error *err);

enum qb_systemd_state {
	QB_SYSTEMD_STOPPED,
	QB_SYSTEMD_RUNNING,
	QB_SYSTEMD_CHANGING, /* it has a job, or is between states */
};
/* sd-bus' errno, without words. */
int qb_systemd_state(sd_bus *bus, const char *path, enum qb_systemd_state *ret);
/* Waits until a unit stands still, so long at most, and says how; one that is not loaded does. */
int qb_systemd_wait(sd_bus *bus, const char *name, unsigned patience_ms, enum qb_systemd_state *ret,
	struct qb_error *err);
/* Waits until a unit that was told to start runs. */
int qb_systemd_wait_running(sd_bus *bus, const char *name, struct qb_error *err);

/* What a look waits for at most; and a job, whose unit's own time limits are 90 s by default. */
#define QB_SYSTEMD_LOOK_MS  20000
#define QB_SYSTEMD_JOB_MS   100000
#define QB_SYSTEMD_PAUSE_MS 10
void qb_systemd_pause(void);

#endif
