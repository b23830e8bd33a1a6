/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provision.h: making the host so. One way for apply and undo: an undo is a change to an empty plan. */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <quietbench/journal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* ---- can this host have it ---- */

/* Is user 0 of this process the host's? */
static bool is_root_of_host(void)
{
	unsigned long first, at, n;
	char map[256];

	return geteuid() == 0 && qb_file_read("/proc/self/uid_map", map, sizeof(map), NULL) > 0 &&
	       sscanf(map, "%lu %lu %lu", &first, &at, &n) == 3 && first == 0 && at == 0 &&
	       n == UINT32_MAX;
}

/*
 * A container may share the host's processes, but not its root folder. Where that of process 1 may not be
 * looked at, a root folder in layers is taken for a container's.
 */
static bool is_contained(void)
{
	/* include/linux/proc_ns.h: PROC_PID_INIT_INO */
	static const unsigned long first_pid_namespace = 0xEFFFFFFCU;
	struct stat ours, first, space;
	struct statfs root;

	if (stat("/proc/self/ns/pid", &space) == 0 && space.st_ino != first_pid_namespace)
		return true;
	if (stat("/", &ours) == 0 && stat("/proc/1/root/.", &first) == 0)
		return ours.st_ino != first.st_ino || ours.st_dev != first.st_dev;
	return statfs("/", &root) == 0 && (unsigned long)root.f_type == OVERLAYFS_SUPER_MAGIC;
}

int qb_provision_check_host(struct qb_error *err)
{
	static const char *const folders[] = {"/etc", "/var/lib"};

	if (!is_root_of_host())
		return qb_error_set(
			err, EPERM, "this needs the host's root, for it writes to /etc");
	if (is_contained())
		return qb_error_set(err, ENOTSUP,
			"this is a container or a chroot, which does not boot: provision its host");
	for (size_t i = 0; i < QB_ARRAY_SIZE(folders); i++)
		if (access(folders[i], W_OK) < 0)
			return qb_error_errno(err, errno,
				"%s cannot be written (an image-based system takes its arguments elsewhere: plan shows them)",
				folders[i]);
	return 0;
}

/* ---- what is there ---- */

enum there { ABSENT, AS_WANTED, AS_WAS, OTHER };

/* The text of a file or target of a link that is at `path`; NULL: something else, or unreadable. */
static char *read_there(const struct stat *st, const char *path)
{
	char target[PATH_MAX], *text = NULL;
	ssize_t n;

	if (S_ISREG(st->st_mode))
		return qb_file_read_all(path, &text, NULL) < 0 ? NULL : text;
	n = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof(target) - 1) : -1;
	return n < 0 ? NULL : strndup(target, (size_t)n);
}

static enum there look(const struct qb_provision_object *object)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (lstat(object->path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? ABSENT : OTHER;
	if (object->type == QB_PROVISION_FOLDER)
		return S_ISDIR(st.st_mode) ? AS_WANTED : OTHER;
	if (S_ISLNK(st.st_mode) != (object->type == QB_PROVISION_LINK))
		return OTHER;
	text = read_there(&st, object->path);
	if (!text)
		return OTHER;
	if (strcmp(text, object->text) == 0)
		return AS_WANTED;
	return object->was && strcmp(text, object->was) == 0 ? AS_WAS : OTHER;
}

/* What of ours may be at its path: one text, that which is there if it is one of them. */
static const char *text_there(const struct qb_provision_object *object)
{
	return look(object) == AS_WAS ? object->was : object->text;
}

static enum qb_provision_did judge_wanted(const struct qb_provision_object *object,
	const struct qb_provision_object *ours, bool force)
{
	switch (look(object)) {
	case ABSENT: return QB_PROVISION_WRITTEN;
	case AS_WANTED:
		/* Of an object that is not ours it is a coincidence: it stays the other program's. */
		return ours || object->type == QB_PROVISION_FOLDER ? QB_PROVISION_NOTHING
								   : QB_PROVISION_FOREIGN;
	case AS_WAS: return QB_PROVISION_WRITTEN;
	case OTHER: break;
	}
	if (!ours)
		return QB_PROVISION_FOREIGN;
	return force ? QB_PROVISION_WRITTEN : QB_PROVISION_KEPT;
}

static enum qb_provision_did judge_gone(const struct qb_provision_object *object, bool force)
{
	switch (look(object)) {
	case ABSENT: return QB_PROVISION_NOTHING;
	case AS_WANTED:
	case AS_WAS: return QB_PROVISION_REMOVED;
	case OTHER: break;
	}
	return force ? QB_PROVISION_REMOVED : QB_PROVISION_KEPT;
}

/* -ENOMEM: what was there could not be remembered. */
static int copy_gone(
	const struct qb_provision *now, struct qb_provision *plan, struct qb_error *err)
{
	for (size_t i = 0; i < now->n_objects; i++) {
		const struct qb_provision_object *ours = &now->objects[i];
		struct qb_provision_object *gone;
		int r;

		if (qb_provision_object_of(plan, ours->path))
			continue;
		r = qb_provision_add_object(plan, ours->type, ours->path, ours->text, err);
		if (r < 0)
			return r;
		gone = &plan->objects[plan->n_objects - 1];
		gone->gone = true;
		if (ours->was && !(gone->was = strdup(ours->was)))
			return qb_error_errno(err, ENOMEM, "remember %s", ours->path);
	}
	return 0;
}

static bool is_to_do(const struct qb_provision *now, const struct qb_provision *plan)
{
	if (now->pending || strcmp(now->args, plan->args) != 0)
		return true;
	for (size_t i = 0; i < plan->n_objects; i++)
		if (plan->objects[i].did == QB_PROVISION_WRITTEN ||
			plan->objects[i].did == QB_PROVISION_REMOVED ||
			(plan->objects[i].gone && plan->objects[i].did == QB_PROVISION_NOTHING))
			return true;
	return false;
}

/* As long as the loader's file is kept, the kernel gets them. */
static void keep_arguments(const struct qb_provision *now, struct qb_provision *plan)
{
	const char *file = qb_provision_loader_file(plan->loader);
	const struct qb_provision_object *object = file ? qb_provision_object_of(plan, file) : NULL;

	if (object && object->gone && object->did == QB_PROVISION_KEPT)
		qb_text_copy(plan->args, sizeof(plan->args), now->args);
}

int qb_provision_preview(
	const struct qb_provision *now, struct qb_provision *plan, bool force, struct qb_error *err)
{
	int r = copy_gone(now, plan, err);

	for (size_t i = 0; r == 0 && i < plan->n_objects; i++) {
		struct qb_provision_object *object = &plan->objects[i];
		const struct qb_provision_object *ours =
			object->gone ? NULL : qb_provision_object_of(now, object->path);

		if (ours && ours->text && !object->was && !(object->was = strdup(text_there(ours))))
			return qb_error_errno(err, ENOMEM, "remember %s", object->path);
		object->did = object->gone ? judge_gone(object, force)
					   : judge_wanted(object, ours, force);
	}
	keep_arguments(now, plan);
	plan->changed = is_to_do(now, plan);
	return r;
}

/* ---- the change ---- */

/* Is something below this folder kept, so that the folder stays, too? */
static bool holds_kept(const struct qb_provision *plan, const char *folder)
{
	const size_t n = strlen(folder);

	for (size_t i = 0; i < plan->n_objects; i++)
		if (plan->objects[i].did == QB_PROVISION_KEPT &&
			strncmp(plan->objects[i].path, folder, n) == 0 &&
			plan->objects[i].path[n] == '/')
			return true;
	return false;
}

/* What a process that was killed may have left beside it. */
static int remove_new(const char *path, struct qb_error *err)
{
	char new[PATH_MAX];

	qb_text_format(new, sizeof(new), "%s" NEW_SUFFIX, path);
	return unlink(new) < 0 && errno != ENOENT && errno != ENOTDIR
		       ? qb_error_errno(err, errno, "remove %s", new)
		       : 0;
}

static int remove_folder(
	const struct qb_provision *plan, struct qb_provision_object *object, struct qb_error *err)
{
	if (rmdir(object->path) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return qb_error_errno(err, errno, "remove %s", object->path);
	/* Somebody else uses it: it is theirs from now on. */
	object->did = holds_kept(plan, object->path) ? QB_PROVISION_KEPT : QB_PROVISION_NOTHING;
	return 0;
}

static int remove_gone(struct qb_provision *plan, struct qb_error *err)
{
	for (size_t i = plan->n_objects; i-- > 0;) {
		struct qb_provision_object *object = &plan->objects[i];
		int r = 0;

		if (!object->gone || object->did == QB_PROVISION_KEPT)
			continue;
		if (object->type == QB_PROVISION_FILE)
			r = remove_new(object->path, err);
		if (r == 0 && object->did == QB_PROVISION_REMOVED) {
			if (object->type == QB_PROVISION_FOLDER)
				r = remove_folder(plan, object, err);
			else if (unlink(object->path) < 0 && errno != ENOENT)
				r = qb_error_errno(err, errno, "remove %s", object->path);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_object(const struct qb_provision_object *object, struct qb_error *err)
{
	switch (object->type) {
	case QB_PROVISION_FOLDER:
		return mkdir(object->path, 0755) < 0 && errno != EEXIST
			       ? qb_error_errno(err, errno, "make %s", object->path)
			       : 0;
	case QB_PROVISION_FILE:
		return qb_provision_write_file(
			object->path, object->text, look(object) != ABSENT, err);
	case QB_PROVISION_LINK:
		if (look(object) != ABSENT && unlink(object->path) < 0)
			return qb_error_errno(err, errno, "remove %s", object->path);
		return symlink(object->text, object->path) < 0
			       ? qb_error_errno(err, errno, "make %s", object->path)
			       : 0;
	}
	return -EINVAL;
}

static int write_wanted(struct qb_provision *plan, struct qb_error *err)
{
	for (size_t i = 0; i < plan->n_objects; i++) {
		int r = 0;

		if (!plan->objects[i].gone && plan->objects[i].did == QB_PROVISION_WRITTEN)
			r = write_object(&plan->objects[i], err);
		else if (!plan->objects[i].gone && plan->objects[i].type == QB_PROVISION_FILE)
			r = remove_new(plan->objects[i].path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * kernel-install without its file would take the arguments of this boot, which are ours, too: so the file
 * becomes what they were without us, and goes when the entry has been made of it. *ret: that was done.
 */
static int leave_cmdline(
	const struct qb_provision *now, struct qb_provision *plan, bool *ret, struct qb_error *err)
{
	struct qb_provision_object *object = qb_provision_object_of(plan, CMDLINE_FILE);
	int r;

	*ret = plan->loader == QB_PROVISION_KERNEL_INSTALL && object && object->gone &&
	       object->did == QB_PROVISION_REMOVED;
	if (!*ret)
		return 0;
	if (object->was && look(object) == AS_WAS) {
		free(object->text);
		object->text = object->was;
		object->was = NULL;
	}
	free(object->was);
	object->was = NULL;
	r = qb_provision_loader_compose(plan, now, &object->was, err);
	if (r == 0)
		r = qb_provision_write(plan, err);
	if (r == 0)
		r = qb_provision_write_file(object->path, object->was, true, err);
	return r < 0 ? r : qb_provision_loader_run(plan->loader, plan->args, plan->was_args, err);
}

/* The loader's tools, unless what they read is as it was. */
static int tell_loader(
	const struct qb_provision *now, const struct qb_provision *plan, struct qb_error *err)
{
	const char *file = qb_provision_loader_file(plan->loader);
	const struct qb_provision_object *object = file ? qb_provision_object_of(plan, file) : NULL;
	const bool told = now->pending || strcmp(now->args, plan->args) != 0 ||
			  (object && (object->did == QB_PROVISION_WRITTEN ||
					     object->did == QB_PROVISION_REMOVED));

	if (!told || (!*plan->args && !*plan->was_args))
		return 0;
	return qb_provision_loader_run(plan->loader, plan->args, plan->was_args, err);
}

static bool is_empty(const struct qb_provision *plan)
{
	for (size_t i = 0; i < plan->n_objects; i++)
		if (!plan->objects[i].gone || plan->objects[i].did == QB_PROVISION_KEPT)
			return false;
	return plan->n_items == 0;
}

static int settle(struct qb_provision *plan, struct qb_error *err)
{
	if (is_empty(plan))
		return qb_provision_forget(err);
	plan->pending = false;
	plan->was_args[0] = '\0';
	return qb_provision_write(plan, err);
}

int qb_provision_change(
	struct qb_provision *now, struct qb_provision *plan, bool force, struct qb_error *err)
{
	bool left_cmdline = false;
	int r = qb_provision_preview(now, plan, force, err);

	if (r < 0)
		return r;
	if (!plan->changed)
		return is_empty(plan) ? qb_provision_forget(err) : 0;
	plan->pending = true;
	qb_text_copy(plan->was_args, sizeof(plan->was_args), now->args);
	if (*now->was_args &&
		!qb_text_join(plan->was_args, sizeof(plan->was_args), " ", "%s", now->was_args))
		return qb_error_set(err, E2BIG, "the kernel's arguments are too long");
	if (qb_journal_boot_id(plan->boot_id, NULL) < 0)
		plan->boot_id[0] = '\0';
	r = qb_provision_write(plan, err);
	if (r == 0)
		r = leave_cmdline(now, plan, &left_cmdline, err);
	if (r == 0)
		r = remove_gone(plan, err);
	if (r == 0)
		r = write_wanted(plan, err);
	if (r == 0 && !left_cmdline)
		r = tell_loader(now, plan, err);
	if (r == 0)
		r = settle(plan, err);
	return r;
}
