/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h: attributes that are kept open. */
#include "file_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Descriptors that are left to everything else. */
#define KEPT_SPARE 128

static struct {
	struct qb_kept *v; /* by the hash of the path */
	size_t cap, n;
	size_t most; /* 0: none is kept */
	unsigned round;
} kept;

void qb_file_keep(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > KEPT_SPARE)
		kept.most = limit.rlim_cur - KEPT_SPARE;
}

void qb_file_keep_none(void)
{
	for (size_t i = 0; i < kept.cap; i++) {
		if (kept.v[i].path && kept.v[i].fd >= 0)
			close(kept.v[i].fd);
		free(kept.v[i].path);
	}
	free(kept.v);
	kept.v = NULL;
	kept.cap = kept.n = kept.most = 0;
}

/* What the kernel shows of devices, interrupts and itself: one read(2) gives all of such a file. */
bool qb_file_is_attribute(const char *path)
{
	static const char *const folders[] = {
		"/sys/devices/", "/sys/kernel/", "/proc/irq/", "/proc/sys/"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(folders); i++)
		if (strncmp(path, folders[i], strlen(folders[i])) == 0)
			return true;
	return false;
}

/* FNV-1a, eight bytes at a time: paths are long. */
static size_t hash_path(const char *path)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	size_t length = strlen(path);

	for (uint64_t part; length; path += sizeof(part)) {
		const size_t n = length < sizeof(part) ? length : sizeof(part);

		part = 0;
		memcpy(&part, path, n);
		hash = (hash ^ part) * UINT64_C(1099511628211);
		hash ^= hash >> 32;
		length -= n;
	}
	return (size_t)hash;
}

/* The place of a path, or the free one where it belongs. */
static struct qb_kept *place_of(const char *path)
{
	size_t i = hash_path(path) & (kept.cap - 1);

	while (kept.v[i].path && strcmp(kept.v[i].path, path) != 0)
		i = (i + 1) & (kept.cap - 1);
	return &kept.v[i];
}

static bool grow(void)
{
	const size_t cap = kept.cap;
	struct qb_kept *old = kept.v, *v = calloc(cap ? 2 * cap : 256, sizeof(*v));

	if (!v)
		return false;
	kept.v = v;
	kept.cap = cap ? 2 * cap : 256;
	for (size_t i = 0; i < cap; i++)
		if (old[i].path)
			*place_of(old[i].path) = old[i];
	free(old);
	return true;
}

static void drop(struct qb_kept *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->mode = 0;
	file->length = SIZE_MAX;
}

/* Is the file that we have open no longer the one of its name: removed, moved away, replaced or hidden? */
static bool is_stale(struct qb_kept *file)
{
	struct stat ours, named;

	if (file->fd < 0)
		return false;
	if (fstat(file->fd, &ours) < 0 || ours.st_nlink == 0)
		return true;
	file->mode = ours.st_mode;
	/* What is only read fails by itself when its device has gone. A write must not go astray. */
	return file->writable && (stat(file->path, &named) < 0 || ours.st_dev != named.st_dev ||
					 ours.st_ino != named.st_ino);
}

void qb_file_keep_fresh(void)
{
	kept.round++;
}

struct qb_kept *qb_kept_find(const char *path)
{
	struct qb_kept *file;

	if (!kept.most || !qb_file_is_attribute(path) || (2 * kept.n >= kept.cap && !grow()))
		return NULL;
	file = place_of(path);
	if (file->path) {
		if (file->round != kept.round && is_stale(file))
			drop(file);
		file->round = kept.round;
		return file;
	}
	if (kept.n >= kept.most)
		return NULL;
	file->path = strdup(path);
	if (!file->path)
		return NULL;
	file->fd = -1;
	file->length = SIZE_MAX;
	file->round = kept.round;
	kept.n++;
	return file;
}

/* A file of a device that has gone fails: whoever has its name now is opened. */
ssize_t qb_kept_read(struct qb_kept *file, bool writable, char *buf, size_t size, bool *ret_opened)
{
	for (;;) {
		const bool fresh = file->fd < 0;
		ssize_t n;
		int r;

		if (fresh && writable) {
			file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
			file->writable = file->fd >= 0;
		}
		if (file->fd < 0) {
			file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
			file->writable = false;
		}
		*ret_opened = file->fd >= 0;
		if (file->fd < 0)
			return -errno;
		n = pread(file->fd, buf, size, 0);
		if (n >= 0) {
			file->length = (size_t)n < size ? (size_t)n : SIZE_MAX;
			return n;
		}
		r = -errno;
		drop(file);
		if (fresh)
			return r;
	}
}

int qb_kept_open(struct qb_kept *file)
{
	if (file->fd >= 0 && file->writable)
		return file->fd;
	drop(file);
	file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (file->fd < 0 && errno == EACCES) /* some may only be written (vm.drop_caches) */
		file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	file->writable = file->fd >= 0;
	return file->fd < 0 ? -errno : file->fd;
}
