/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor: the only process that changes the host. Its MUSTs head monitor.c. */
#ifndef QB_HELPER_MONITOR_H
#define QB_HELPER_MONITOR_H

#include "session.h"

/* Exit status: the session ended and its journal could not be settled; the guardian takes over. */
#define QB_MONITOR_UNSETTLED 70

/* Serves the session to its end. Exit status: 0, 1 (not everything could be restored), or 70. */
int qb_monitor_run(struct qb_helper *helper);

#endif
