/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef QB_PROVISION_INTERNAL_H
#define QB_PROVISION_INTERNAL_H

#include <base/text.h>
#include <provision/provision.h>

#define GRUB_FILE	"/etc/default/grub.d/quietbench.cfg"
#define CMDLINE_FILE	"/etc/kernel/cmdline"
#define SYSCTL_FILE	"/etc/sysctl.d/quietbench.conf"
#define TMPFILES_FILE	"/etc/tmpfiles.d/quietbench.conf"
#define SYSTEMD_DIR	"/etc/systemd/system"
#define IRQBALANCE_FILE SYSTEMD_DIR "/irqbalance.service.d/quietbench.conf"
#define LATE_UNIT	"quietbench-provision.service"

/* A verdict on an item (`state` or `took`), with its reason as printf has it. */
#define SET_WITH_REASON(item, verdict, to, ...)                                                    \
	((item)->verdict = (to),                                                                   \
		(void)qb_text_format((item)->reason, sizeof((item)->reason), __VA_ARGS__))

/* ---- journal.c ---- */
/* What else comes into being while a change is made: removed with what it was to become. */
#define NEW_SUFFIX ".quietbench-new"
int qb_provision_write(const struct qb_provision *provision, struct qb_error *err);
int qb_provision_forget(struct qb_error *err);
/* A file of this text, durable, that appears whole. `replace`: in the place of one that is there. */
int qb_provision_write_file(const char *path, const char *text, bool replace, struct qb_error *err);
struct qb_provision_object *qb_provision_object_of(
	const struct qb_provision *provision, const char *path);
/* Appends; text NULL for a folder. -ENOMEM, -ENAMETOOLONG. */
int qb_provision_add_object(struct qb_provision *provision, enum qb_provision_type type,
	const char *path, const char *text, struct qb_error *err);
/* NULL: no memory. */
struct qb_provision_item *qb_provision_add_item(struct qb_provision *provision, unsigned row);

/* ---- objects.c ---- */
/* The arguments, files, links and folders of the plan's items. */
int qb_provision_compose(
	struct qb_provision *plan, const struct qb_provision *now, struct qb_error *err);

/* ---- loader.c ---- */
enum qb_provision_loader qb_provision_loader_find(const struct qb_provision *now);
/* The file through which the loader gets the arguments; NULL: none. */
const char *qb_provision_loader_file(enum qb_provision_loader loader);
/* Its text for these arguments; -ENOMEM. *ret is malloc'd. */
int qb_provision_loader_compose(const struct qb_provision *plan, const struct qb_provision *now,
	char **ret, struct qb_error *err);
/* Has the loader's own tools take what is there: `args` instead of `was`. */
int qb_provision_loader_run(
	enum qb_provision_loader loader, const char *args, const char *was, struct qb_error *err);
/* /proc/cmdline; *ret is malloc'd. */
int qb_provision_cmdline(char **ret, struct qb_error *err);

#endif
