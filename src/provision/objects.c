/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provision.h: the objects that hold a plan's items. */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>

struct composing {
	const struct qb_provision *now;
	struct qb_provision *plan;
};

/* The folders above it that are not there, or that are ours. */
static int add_folders(struct composing *p, const char *path, struct qb_error *err)
{
	char folder[QB_PROVISION_PATH];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = 0;

		qb_text_format(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if ((!qb_file_exists(folder) || qb_provision_object_of(p->now, folder)) &&
			!qb_provision_object_of(p->plan, folder))
			r = qb_provision_add_object(
				p->plan, QB_PROVISION_FOLDER, folder, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_object(struct composing *p, enum qb_provision_type type, const char *path,
	const char *text, struct qb_error *err)
{
	int r = add_folders(p, path, err);

	return r < 0 ? r : qb_provision_add_object(p->plan, type, path, text, err);
}

static const char *const header =
	"# Written by quietbench provision; quietbench provision undo removes it.\n";

/* The file of all lines of one kind. */
static int add_lines(
	struct composing *p, enum qb_provision_kind kind, const char *path, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size, lines = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return qb_error_errno(err, ENOMEM, "compose %s", path);
	fputs(header, out);
	for (size_t i = 0; i < p->plan->n_items; i++) {
		const struct qb_provision_item *item = &p->plan->items[i];
		const struct qb_provision_row *row = &qb_provisions[item->row];

		if (row->kind != kind || item->state != QB_PROVISION_WANTED)
			continue;
		fprintf(out, "# %s\n%s\n", qb_keys[row->key].name, item->text);
		lines++;
	}
	if (fclose(out) != 0)
		return qb_error_errno(err, ENOMEM, "compose %s", path);
	return lines ? add_object(p, QB_PROVISION_FILE, path, text, err) : 0;
}

static int add_arguments(struct composing *p, struct qb_error *err)
{
	const char *file = qb_provision_loader_file(p->plan->loader);
	_cleanup_free_ char *text = NULL;
	int r;

	for (size_t i = 0; i < p->plan->n_items; i++) {
		const struct qb_provision_item *item = &p->plan->items[i];

		if (qb_provisions[item->row].kind == QB_PROVISION_KERNEL &&
			item->state == QB_PROVISION_WANTED &&
			!qb_text_join(p->plan->args, sizeof(p->plan->args), " ", "%s", item->text))
			return qb_error_set(err, E2BIG, "the kernel's arguments are too long");
	}
	if (!file || !*p->plan->args)
		return 0;
	r = qb_provision_loader_compose(p->plan, p->now, &text, err);
	return r < 0 ? r : add_object(p, QB_PROVISION_FILE, file, text, err);
}

static int add_irqbalance(struct composing *p, const char *text, struct qb_error *err)
{
	char file[2 * QB_PROVISION_TEXT];

	qb_text_format(file, sizeof(file), "%s[Service]\nEnvironment=%s\n", header, text);
	return add_object(p, QB_PROVISION_FILE, IRQBALANCE_FILE, file, err);
}

static int add_late(struct composing *p, struct qb_error *err)
{
	char file[1024];
	int r;

	qb_text_format(file, sizeof(file),
		"%s[Unit]\nDescription=Settings of quietbench provision for devices that appear late\n"
		"After=systemd-modules-load.service systemd-udev-trigger.service systemd-tmpfiles-setup.service\n\n"
		"[Service]\nType=oneshot\nExecStartPre=-udevadm settle\n"
		"ExecStart=systemd-tmpfiles --create --prefix=/sys %s\n",
		header, TMPFILES_FILE);
	r = add_object(p, QB_PROVISION_FILE, SYSTEMD_DIR "/" LATE_UNIT, file, err);
	return r < 0 ? r
		     : add_object(p, QB_PROVISION_LINK,
			       SYSTEMD_DIR "/multi-user.target.wants/" LATE_UNIT, "../" LATE_UNIT,
			       err);
}

static int add_units(struct composing *p, struct qb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < p->plan->n_items && r == 0; i++) {
		const struct qb_provision_item *item = &p->plan->items[i];
		const struct qb_provision_row *row = &qb_provisions[item->row];
		char path[QB_PROVISION_PATH];

		if (item->state != QB_PROVISION_WANTED)
			continue;
		qb_text_format(path, sizeof(path), SYSTEMD_DIR "/%s", item->value);
		if (row->kind == QB_PROVISION_MASK)
			r = add_object(p, QB_PROVISION_LINK, path, "/dev/null", err);
		else if (row->kind == QB_PROVISION_UNIT && strcmp(row->name, "irqbalance") == 0)
			r = add_irqbalance(p, item->text, err);
		else if (row->kind == QB_PROVISION_UNIT)
			r = add_late(p, err);
	}
	return r;
}

int qb_provision_compose(
	struct qb_provision *plan, const struct qb_provision *now, struct qb_error *err)
{
	struct composing p = {.now = now, .plan = plan};
	int r = add_arguments(&p, err);

	if (r == 0)
		r = add_lines(&p, QB_PROVISION_SYSCTL, SYSCTL_FILE, err);
	if (r == 0)
		r = add_lines(&p, QB_PROVISION_TMPFILES, TMPFILES_FILE, err);
	return r == 0 ? add_units(&p, err) : r;
}
