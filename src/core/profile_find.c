/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_internal.h: find; and the list of names of profile.h. */
#include <base/file.h>
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <core/profile_internal.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define SUFFIX ".yaml"

bool qb_profile_is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < QB_PROFILE_NAME &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
		       len;
}

void qb_profile_label_name(const char *label, char *buf, size_t size)
{
	const char *slash = strrchr(label, '/');
	size_t len;

	qb_text_copy(buf, size, slash ? slash + 1 : label);
	len = strlen(buf);
	if (len > strlen(SUFFIX) && strcmp(buf + len - strlen(SUFFIX), SUFFIX) == 0)
		buf[len - strlen(SUFFIX)] = '\0';
}

static int read_text(int fd, struct qb_profile_text *text, struct qb_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return qb_error_errno(err, errno, "read %s", text->label);
	if (!S_ISREG(st.st_mode))
		return qb_error_set(err, EINVAL, "%s: not a regular file", text->label);
	text->size = 0;
	while (text->size < sizeof(text->bytes)) {
		ssize_t n = pread(fd, text->bytes + text->size, sizeof(text->bytes) - text->size,
			(off_t)text->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return qb_error_errno(err, errno, "read %s", text->label);
		if (n == 0)
			break;
		text->size += (size_t)n;
	}
	return 0;
}

/* 1 when it is among the caller's files, else 0. */
static int find_own(const struct qb_profile_source *source, const char *name,
	struct qb_profile_text *ret, struct qb_error *err)
{
	for (unsigned i = 0; i < source->request->n_files; i++) {
		const char *label = source->request->files[i];
		char last[QB_PROFILE_FILE];
		int r;

		qb_profile_label_name(label, last, sizeof(last));
		if (strcmp(label, name) != 0 && strcmp(last, name) != 0)
			continue;
		qb_text_copy(ret->label, sizeof(ret->label), label);
		ret->own = true;
		r = read_text(source->fds[i], ret, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* What people call a folder: one that is reached through an fd has a path of its own, too. */
static void name_folder(const char *dir, char buf[PATH_MAX])
{
	static const char fds[] = "/proc/self/fd/";
	ssize_t n = -1;

	if (strncmp(dir, fds, strlen(fds)) == 0)
		n = readlink(dir, buf, PATH_MAX - 1);
	if (n < 0)
		qb_text_copy(buf, PATH_MAX, dir);
	else
		buf[n] = '\0';
}

/* 1 when a folder has it, else 0. */
static int find_system(const char *const *dirs, const char *name, struct qb_profile_text *ret,
	struct qb_error *err)
{
	for (; *dirs; dirs++) {
		_cleanup_close_ int fd = -1;
		char folder[PATH_MAX], path[PATH_MAX];
		int r;

		name_folder(*dirs, folder);
		if (!qb_text_format(ret->label, sizeof(ret->label), "%s/%s" SUFFIX, folder, name) ||
			!qb_text_format(path, sizeof(path), "%s/%s" SUFFIX, *dirs, name))
			return qb_error_set(err, ENAMETOOLONG, "%s/%s" SUFFIX ": too long a path",
				folder, name);
		ret->own = false;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (fd < 0)
			return qb_error_errno(err, errno, "open %s", ret->label);
		r = read_text(fd, ret, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int not_found(
	const struct qb_profile_source *source, const char *name, bool own, struct qb_error *err)
{
	_cleanup_free_ struct qb_profile_name *names = NULL;
	struct qb_nearest nearest = {.word = name};
	char places[256] = "";
	size_t n = 0;

	/* A hint: folders that cannot be listed have none. */
	qb_profile_names(source->dirs, &names, &n, NULL);
	for (size_t i = 0; i < n; i++)
		qb_nearest_offer(&nearest, names[i].name);
	for (const char *const *dir = source->dirs; *dir; dir++) {
		char folder[PATH_MAX];

		name_folder(*dir, folder);
		qb_text_append(places, sizeof(places), "%s%s", *places ? ", " : " in ", folder);
	}
	return qb_error_set(err, ENOENT, "no profile '%s'%s%s%s%s%s", name,
		own ? " among your own or" : "", places, nearest.best[0] ? "; did you mean '" : "",
		nearest.best, nearest.best[0] ? "'?" : "");
}

int qb_profile_find(const struct qb_profile_source *source, const char *name, bool own,
	struct qb_profile_text *ret, struct qb_error *err)
{
	int r = own ? find_own(source, name, ret, err) : 0;
	char shown[QB_PROFILE_NAME];

	if (r == 0 && !qb_profile_is_name(name)) {
		qb_text_copy(shown, sizeof(shown), name);
		qb_text_printable(shown);
		return qb_error_set(err, EINVAL,
			"expected the name of a profile (letters, digits, _ and -, at most %d), "
			"found '%s'",
			QB_PROFILE_NAME - 1, shown);
	}
	if (r == 0)
		r = find_system(source->dirs, name, ret, err);
	if (r < 0)
		return r;
	return r > 0 ? 0 : not_found(source, name, own, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct qb_profile_name *)a)->name,
		((const struct qb_profile_name *)b)->name);
}

static int add_dir(
	const char *path, struct qb_profile_name **names, size_t *n, struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const size_t known = *n;
	const struct dirent *entry;
	int r;

	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir)
		return qb_error_errno(err, errno, "list the profiles in %s", path);
	while ((r = qb_dir_next(dir, path, &entry, err)) > 0) {
		struct qb_profile_name name, *grown;
		bool shadowed = false;
		char last[QB_PROFILE_FILE];

		qb_profile_label_name(entry->d_name, last, sizeof(last));
		if (strcmp(last, entry->d_name) == 0 || !qb_profile_is_name(last) ||
			!qb_text_copy(name.name, sizeof(name.name), last) ||
			!qb_text_format(name.file, sizeof(name.file), "%s/%s", path, entry->d_name))
			continue;
		for (size_t i = 0; i < known; i++)
			shadowed = shadowed || strcmp((*names)[i].name, name.name) == 0;
		if (shadowed)
			continue;
		grown = reallocarray(*names, *n + 1, sizeof(**names));
		if (!grown)
			return qb_error_errno(err, ENOMEM, "list the profiles in %s", path);
		*names = grown;
		grown[(*n)++] = name;
	}
	return r;
}

int qb_profile_names(
	const char *const *dirs, struct qb_profile_name **ret, size_t *ret_n, struct qb_error *err)
{
	_cleanup_free_ struct qb_profile_name *names = NULL;
	size_t n = 0;

	for (; *dirs; dirs++) {
		int r = add_dir(*dirs, &names, &n, err);

		if (r < 0)
			return r;
	}
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	*ret = names;
	*ret_n = n;
	names = NULL;
	return 0;
}
