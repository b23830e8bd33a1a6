/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dedicated benchmark host: what the next boot sets up and keeps, until it is undone.
 *
 * Sessions (core) change the running host and put it back. This changes nothing that runs: it writes
 * files which the boot loader, systemd and sysctl read at the next boot, from a profile and the host's
 * topology. Root does it, in this process; the helper takes no part.
 *
 *	struct qb_provision now = {0}, plan = {0};
 *	qb_provision_check_host  can this host have it at all?
 *	qb_provision_open        the lock, and the journal: what is there of ours
 *	qb_provision_plan        what a profile asks for (qb_planner_ask), as items and objects
 *	qb_provision_change      makes the host so: `apply` with the plan, `undo` with an empty one
 *	qb_provision_verify      after the boot: which items took effect
 *	qb_provision_close, qb_provision_free
 *
 * An item is one setting: an argument of the kernel's, a line, a unit. An object is one file, link or
 * folder that holds them. Rules, each with its test (tests/cli/provision.t):
 *
 * MUST 1  Only objects of its own are written or removed: a path where something is that the journal does not
 *         have is never touched.
 * MUST 2  The journal (/var/lib/quietbench/provision) has every object before it is made. Whatever ends this
 *         process wherever, `undo` afterwards leaves nothing of it.
 * MUST 3  A file appears whole or not at all.
 * MUST 4  An object that somebody changed since is kept and told; with `force` it goes.
 * MUST 5  Repeating changes nothing.
 * MUST 6  Only paths below /etc are objects, whatever the journal says.
 */
#ifndef QB_PROVISION_PROVISION_H
#define QB_PROVISION_PROVISION_H

#include <client/planner.h>
#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <stdbool.h>
#include <stddef.h>

/* The folder of the journal, and its lock. */
#define QB_PROVISION_DIR "/var/lib/quietbench"

enum qb_provision_kind {
	QB_PROVISION_KERNEL, /* an argument of the kernel's, by the boot loader */
	QB_PROVISION_SYSCTL, /* a line of /etc/sysctl.d/quietbench.conf */
	QB_PROVISION_TMPFILES, /* a line of /etc/tmpfiles.d/quietbench.conf: written to /sys at boot */
	QB_PROVISION_UNIT,     /* a drop-in of systemd's */
	QB_PROVISION_MASK,     /* a unit that systemd no longer starts */
	QB_PROVISION_KINDS
};
const char *qb_provision_kind_name(enum qb_provision_kind kind);  /* "kernel", for JSON */
const char *qb_provision_kind_where(enum qb_provision_kind kind); /* where it stands, for people */

/*
 * The table of all that can be provisioned (table.c); `plan` and the manual read it.
 * In `text` <cpus> stands for the benchmark's CPUs and their siblings, <housekeeping> for all other CPUs,
 * <value> for what the profile's key amounts to on this host, <unit> for the name of a unit.
 */
struct qb_provision_row {
	const char *name; /* "isolcpus"; of an attribute its key */
	enum qb_key key;  /* which asks for it */
	enum qb_provision_kind kind;
	int lever;	   /* of a line: the attribute's; else -1 */
	const char *text;  /* what is written; NULL: made of the lever's path */
	const char *why;   /* what it is good for */
	const char *price; /* what it costs, for as long as it is provisioned */
};
extern const struct qb_provision_row qb_provisions[];
extern const size_t qb_provisions_n;
/* The row of this name, or -1. */
int qb_provision_find(const char *name);

#define QB_PROVISION_TEXT 1024
#define QB_PROVISION_PATH 256

enum qb_provision_state {
	QB_PROVISION_WANTED,
	QB_PROVISION_UNAVAILABLE, /* this host does not offer it: reason */
	QB_PROVISION_REFUSED,	  /* something that is not ours is in the way: reason */
};
enum qb_provision_took {
	QB_PROVISION_UNKNOWN, /* this host does not show it: reason */
	QB_PROVISION_TOOK,
	QB_PROVISION_NOT, /* reason */
};

struct qb_provision_item {
	unsigned row;
	enum qb_provision_state state;
	enum qb_provision_took took;  /* qb_provision_verify */
	char text[QB_PROVISION_TEXT]; /* "isolcpus=managed_irq,domain,2-3" */
	char value
		[QB_PROVISION_TEXT]; /* what its effect is looked for by: CPUs, a value, a unit's name */
	char reason[QB_ERROR_MAX];
};

enum qb_provision_type {
	QB_PROVISION_FOLDER,
	QB_PROVISION_FILE,
	QB_PROVISION_LINK,
};
enum qb_provision_did {
	QB_PROVISION_NOTHING, /* it was so */
	QB_PROVISION_WRITTEN,
	QB_PROVISION_REMOVED,
	QB_PROVISION_KEPT,    /* changed by somebody since: left alone (MUST 4) */
	QB_PROVISION_FOREIGN, /* there is one that is not ours (MUST 1) */
};

struct qb_provision_object {
	enum qb_provision_type type;
	enum qb_provision_did did;
	bool gone; /* it was ours, and is not wanted any more */
	char path[QB_PROVISION_PATH];
	char *text; /* owned; of a link its target, of a folder NULL */
	char *was; /* owned; an earlier text, which may still be there while a change is under way */
};

/* Who hands the kernel its arguments. */
enum qb_provision_loader {
	QB_PROVISION_PRINT, /* nobody known: they are told, to be added by hand */
	QB_PROVISION_GRUB,
	QB_PROVISION_GRUBBY,
	QB_PROVISION_KERNEL_INSTALL,
	QB_PROVISION_LOADERS
};
const char *qb_provision_loader_name(enum qb_provision_loader loader); /* "grub" */
const char *qb_provision_loader_text(enum qb_provision_loader loader); /* a sentence for people */

struct qb_provision {
	bool known;   /* there is a journal */
	bool pending; /* a change was begun and not ended */
	bool changed; /* of a plan: the host was changed to have it, or would be */
	bool booted;  /* qb_provision_verify: the host has booted since it was applied */
	enum qb_provision_loader loader;
	char profile[QB_PROFILE_NAME];
	char benchmark[QB_PROVISION_TEXT]; /* as `-c` would have it */
	char boot_id[40];		   /* of the boot in which it was applied */
	char args[2 * QB_PROVISION_TEXT];  /* of the kernel, blanks between */
	char was_args[2 * QB_PROVISION_TEXT];
	struct qb_provision_item *items; /* owned, as are the objects */
	size_t n_items;
	struct qb_provision_object *objects; /* a folder stands before what is in it */
	size_t n_objects;
};
void qb_provision_free(struct qb_provision *provision);

/* Can this host be provisioned by this process? 0; -EPERM, -EROFS or -ENOTSUP with what is in the way. */
int qb_provision_check_host(struct qb_error *err);

/*
 * Takes the lock, and reads the journal into *ret. Returns a descriptor for qb_provision_close. `make`: also
 * the folder, where there is none. -ENOENT: there is none, so nothing is provisioned; -EBUSY: another
 * process is at it; -EBADMSG: the journal is not one of ours.
 */
int qb_provision_open(bool make, struct qb_provision *ret, struct qb_error *err);
void qb_provision_close(int lock);
/* The same for those who only look: without the lock. A journal that is missing is an empty one. */
int qb_provision_read(struct qb_provision *ret, struct qb_error *err);

/* What the answer's profile asks of this host. `now` tells what is ours already. */
int qb_provision_plan(const struct qb_answer *answer, const struct qb_provision *now,
	struct qb_provision *ret, struct qb_error *err);
/* What qb_provision_change would do, in `changed` and the objects' `did`; appends those that are not wanted any more. */
int qb_provision_preview(const struct qb_provision *now, struct qb_provision *plan, bool force,
	struct qb_error *err);

/*
 * Makes the host so, with the lock held: writes the journal, then removes and writes objects, has the boot
 * loader's tools run, and writes what is now so. What was changed, kept or found foreign is told as by
 * qb_provision_preview (of an undo: of the objects that are left). On failure the journal says that a change is
 * under way, and both apply and undo go on from there. An undo's plan is QB_PROVISION_NOTHING_OF.
 */
#define QB_PROVISION_NOTHING_OF(now) ((struct qb_provision){.known = true, .loader = (now)->loader})
int qb_provision_change(
	struct qb_provision *now, struct qb_provision *plan, bool force, struct qb_error *err);
/* Fills in `took` of every item; *ret_not: how many did not. */
int qb_provision_verify(struct qb_provision *now, unsigned *ret_not, struct qb_error *err);

#endif
