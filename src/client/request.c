/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/request.h>
#include <core/profile.h>
#include <errno.h>
#include <fcntl.h>
#include <host/caller.h>
#include <limits.h>
#include <sys/stat.h>

#define PROFILE_MAX (64 * 1024)

void qb_asked_free(struct qb_asked *asked)
{
	for (unsigned i = 0; i < asked->n_fds; i++)
		close(asked->fds[i]);
	asked->n_fds = 0;
}

/* Opens a profile of the caller's: a regular file of a size that a person would write. */
static int open_profile(const char *path, struct qb_error *err)
{
	struct stat st;
	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = 0;

	if (fd < 0)
		return qb_error_errno(err, errno, "open profile %s", path);
	if (fstat(fd, &st) < 0)
		r = qb_error_errno(err, errno, "open profile %s", path);
	else if (S_ISDIR(st.st_mode))
		r = qb_error_set(err, EISDIR, "profile %s is a folder; name a YAML file", path);
	else if (!S_ISREG(st.st_mode))
		r = qb_error_set(
			err, EINVAL, "profile %s is not a regular file; copy it to one", path);
	else if (st.st_size > PROFILE_MAX)
		r = qb_error_set(
			err, EFBIG, "profile %s is larger than %d KiB", path, PROFILE_MAX / 1024);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* A sealed copy of the file, so that it cannot change between judging and using. */
static int seal_profile(const char *path, struct qb_error *err)
{
	_cleanup_close_ int fd = open_profile(path, err);
	int memfd;

	if (fd < 0)
		return fd;
	memfd = qb_file_seal(fd, "profile", PROFILE_MAX);
	return memfd < 0 ? qb_error_errno(err, -memfd, "copy profile %s", path) : memfd;
}

static int attach(struct qb_asked *asked, const char *path, struct qb_error *err)
{
	struct qb_request *request = &asked->request;
	/* The folder of --root is the last file. */
	unsigned at = asked->n_fds - request->chroot;
	int fd;

	if (asked->n_fds == QB_REQUEST_FILES)
		return qb_error_set(err, E2BIG,
			"profile %s: at most %d profiles of your own may extend one another", path,
			QB_REQUEST_FILES - request->chroot);
	if (!qb_text_copy(request->files[at], sizeof(request->files[at]), path))
		return qb_error_set(err, ENAMETOOLONG,
			"profile %s: the path is longer than %zu bytes", path,
			sizeof(request->files[at]) - 1);
	fd = seal_profile(path, err);
	if (fd < 0)
		return fd;
	if (request->chroot)
		asked->fds[at + 1] = asked->fds[at];
	asked->fds[at] = fd;
	asked->n_fds++;
	request->n_files++;
	return 0;
}

bool qb_request_folder(char *buf, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	/* The XDG specification: a relative path is to be ignored. */
	if (config && *config == '/')
		return qb_text_format(buf, size, "%s/quietbench/profiles", config);
	if (home && *home == '/')
		return qb_text_format(buf, size, "%s/.config/quietbench/profiles", home);
	return false;
}

int qb_request_attach(struct qb_asked *asked, const char *name, struct qb_error *err)
{
	char folder[PATH_MAX], path[PATH_MAX];

	if (!qb_profile_is_name(name) || !qb_request_folder(folder, sizeof(folder)) ||
		!qb_text_format(path, sizeof(path), "%s/%s.yaml", folder, name) ||
		(access(path, F_OK) < 0 && errno == ENOENT))
		return qb_error_set(err, ENOENT, "no profile %s of your own", name);
	return attach(asked, path, err);
}

/* -p: a path is attached; a name only when the caller has a profile of that name. */
static int choose_profile(const char *profile, struct qb_asked *asked, struct qb_error *err)
{
	struct qb_request *request = &asked->request;
	int r;

	if (!qb_profile_is_name(profile)) {
		r = attach(asked, profile, err);
		if (r == 0)
			qb_text_copy(request->profile, sizeof(request->profile), request->files[0]);
		return r;
	}
	r = qb_request_attach(asked, profile, err);
	if (r < 0 && r != -ENOENT)
		return r;
	qb_text_copy(
		request->profile, sizeof(request->profile), r == 0 ? request->files[0] : profile);
	return 0;
}

static int choose_root(const char *root, struct qb_asked *asked, struct qb_error *err)
{
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return qb_error_errno(err, errno, "open --root %s", root);
	asked->fds[asked->n_fds++] = fd;
	asked->request.chroot = 1;
	return 0;
}

int qb_request_begin(enum qb_request_mode mode, const char *profile, const char *root,
	struct qb_asked *ret, struct qb_error *err)
{
	struct qb_asked asked = {.request.mode = (uint8_t)mode};
	int r;

	if (root)
		r = choose_root(root, &asked, err);
	else
		r = qb_caller_cpus(getpid(), &asked.request.allowed, err);
	if (r == 0 && profile)
		r = choose_profile(profile, &asked, err);
	if (r < 0) {
		qb_asked_free(&asked);
		return r;
	}
	*ret = asked;
	return 0;
}
