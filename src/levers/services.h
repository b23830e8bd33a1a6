/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The services' levers: what the table and the judge need of them.
 *
 * All through systemd, which answers only root's monitor: a plan says what is wanted of a unit, and
 * the monitor finds out whether the unit is there and active. One that is not needs nothing; only
 * what was active is stopped or frozen, and only that is started or thawed. Nothing is ever enabled
 * or disabled. Both are jobs of systemd's that outlive whoever asked for them, so a look first waits
 * until nothing asked by a dead monitor is under way.
 */
#ifndef QB_LEVERS_SERVICES_H
#define QB_LEVERS_SERVICES_H

#include <host/logind.h>
#include <quietbench/lever.h>
#include <sys/types.h>

#define QB_SERVICE_ACTIVE   "active"
#define QB_SERVICE_INACTIVE "inactive"
#define QB_SERVICE_RUNNING  "running"
#define QB_SERVICE_FROZEN   "frozen"

/* unit.name is a unit's full name ("cron.service"). */
extern const struct qb_lever_ops qb_services_stop_ops;	 /* "active" | "inactive" */
extern const struct qb_lever_ops qb_services_freeze_ops; /* "running" | "frozen" */
/* "none" | QB_LOGIND_WHAT, held by this process: with it goes the inhibitor. */
extern const struct qb_lever_ops qb_services_inhibit_ops;

/*
 * Is this a unit that the lever may take at all, as far as its name tells? 0, or -EINVAL (another
 * type of unit), or -EPERM (the bus, logind, the journal, ssh, systemd, ourselves) with the reason.
 */
int qb_services_judge_name(unsigned lever, const char *name, struct qb_error *err);
/*
 * The monitor's judge also refuses aliases of those, units that this process or the caller lives
 * in, and the caller's user manager. Called before anything is judged; without, only this process
 * counts.
 */
void qb_services_spare(pid_t caller);

/* Is this unit "active" or "inactive"? For levers with one unit of their own (irqbalance). */
int qb_services_read(const char *unit, char *buf, size_t size, struct qb_error *err);
int qb_services_write(const char *unit, const char *text, struct qb_error *err);

#endif
