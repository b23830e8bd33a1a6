/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h: the kernel's small files. */
#include "file_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <quietbench/step.h>
#include <quietbench/value.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* One read(2) gives all of it: attributes, and what /proc tells of a process in few lines. */
static bool is_read_at_once(const char *path)
{
	return qb_file_is_attribute(path) ||
	       (strncmp(path, "/proc/", 6) == 0 && isdigit((unsigned char)path[6]));
}

static ssize_t read_plain(const char *path, char *buf, size_t size, bool *ret_opened)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*ret_opened = fd >= 0;
	if (fd < 0)
		return -errno;
	if (!is_read_at_once(path))
		return read_full(fd, buf, size);
	n = read(fd, buf, size);
	return n < 0 ? -errno : n;
}

static ssize_t read_file(
	const char *path, bool writable, char *buf, size_t size, struct qb_error *err)
{
	struct qb_kept *file = qb_kept_find(path);
	bool opened = false;
	ssize_t n = file ? qb_kept_read(file, writable, buf, size, &opened)
			 : read_plain(path, buf, size, &opened);

	if (n < 0)
		return qb_error_errno(err, (int)-n, "%s %s", opened ? "read" : "open", path);
	if ((size_t)n == size)
		return qb_error_set(err, EFBIG, "read %s: longer than %zu bytes", path, size - 1);
	/* Some captures end their files with a NUL. */
	while (n && buf[n - 1] == '\0')
		n--;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	if (memchr(buf, '\0', (size_t)n))
		return qb_error_set(err, EBADMSG, "read %s: holds a NUL byte", path);
	return n;
}

ssize_t qb_file_read(const char *path, char *buf, size_t size, struct qb_error *err)
{
	return read_file(path, false, buf, size, err);
}

ssize_t qb_file_read_changing(const char *path, char *buf, size_t size, struct qb_error *err)
{
	return read_file(path, true, buf, size, err);
}

int qb_file_read_or(
	const char *path, const char *absent, char *buf, size_t size, struct qb_error *err)
{
	struct qb_error why = {0};
	ssize_t n = qb_file_read(path, buf, size, &why);

	if (n == -ENOENT && qb_text_copy(buf, size, absent))
		return 0;
	if (n < 0 && err)
		*err = why;
	return n < 0 ? (int)n : 0;
}

ssize_t qb_file_read_all(const char *path, char **ret, struct qb_error *err)
{
	return qb_file_read_all_at(AT_FDCWD, path, ret, err);
}

ssize_t qb_file_read_all_at(int folder, const char *path, char **ret, struct qb_error *err)
{
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buf = NULL;
	size_t size = 16384, used = 0;

	if (fd < 0)
		return qb_error_errno(err, errno, "open %s", path);
	for (;;) {
		char *grown = realloc(buf, size);
		ssize_t n;

		if (!grown)
			return qb_error_errno(err, ENOMEM, "read %s", path);
		buf = grown;
		n = read_full(fd, buf + used, size - used - 1);
		if (n < 0)
			return qb_error_errno(err, (int)-n, "read %s", path);
		used += (size_t)n;
		if (used < size - 1)
			break;
		size *= 2;
	}
	buf[used] = '\0';
	*ret = buf;
	buf = NULL;
	return (ssize_t)used;
}

int qb_file_read_number(const char *path, long long *ret, struct qb_error *err)
{
	char text[64];
	int64_t value;
	ssize_t n = qb_file_read(path, text, sizeof(text), err);

	if (n < 0)
		return (int)n;
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	if (qb_number_parse(text, &value) < 0)
		return qb_error_set(
			err, EBADMSG, "read %s: expected a number, found '%s'", path, text);
	*ret = value;
	return 0;
}

static int fail_write(
	const char *path, const char *line, size_t len, ssize_t n, int code, struct qb_error *err)
{
	const int text = (int)len - 1; /* without its newline */

	if (n < 0)
		return qb_error_errno(err, code, "write '%.*s' to %s", text, line, path);
	return qb_error_set(err, EIO, "write '%.*s' to %s: only %zd of %zu bytes taken", text, line,
		path, n, len);
}

/* O_TRUNC means nothing to sysfs and keeps a plain file (a substituted host) exact. */
static int write_plain(const char *path, const char *line, size_t len, struct qb_error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return qb_error_errno(err, errno, "open %s for writing", path);
	n = write(fd, line, len);
	return n == (ssize_t)len ? 0 : fail_write(path, line, len, n, errno, err);
}

/* The text first, then what is left of a longer one: emptied before, a plain file loses its page. An
 * attribute of the kernel's has nothing left. */
static int write_kept(
	struct qb_kept *file, const char *path, const char *line, size_t len, struct qb_error *err)
{
	int fd = qb_kept_open(file);
	ssize_t n;

	if (fd < 0)
		return qb_error_errno(err, -fd, "open %s for writing", path);
	n = pwrite(fd, line, len, 0);
	/* The kernel's seq_files (/proc/irq) take no pwrite(2), and do not mind the place. */
	if (n < 0 && errno == ESPIPE)
		n = write(fd, line, len);
	if (n != (ssize_t)len)
		return fail_write(path, line, len, n, errno, err);
	if (file->length > len && ftruncate(fd, (off_t)len) < 0)
		return write_plain(path, line, len, err);
	file->length = len;
	return 0;
}

int qb_file_write(const char *path, const char *text, struct qb_error *err)
{
	struct qb_kept *file = qb_kept_find(path);
	const size_t len = strlen(text) + 1;
	char line[QB_TEXT_MAX + 1];

	if (len >= sizeof(line))
		return qb_error_set(err, EMSGSIZE, "write %zu bytes to %s", len, path);
	memcpy(line, text, len);
	line[len - 1] = '\n';
	return file ? write_kept(file, path, line, len, err) : write_plain(path, line, len, err);
}

int qb_file_mode(const char *path, mode_t *ret, struct qb_error *err)
{
	struct qb_kept *file = qb_kept_find(path);
	struct stat st = {.st_mode = file ? file->mode : 0};

	if (!st.st_mode && (file && file->fd >= 0 ? fstat(file->fd, &st) : stat(path, &st)))
		return qb_error_errno(err, errno, "look at %s", path);
	if (file && file->fd >= 0)
		file->mode = st.st_mode;
	*ret = st.st_mode;
	return 0;
}

void qb_file_read_said(int fd, char *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	qb_text_one_line(buf);
}

int qb_file_find(const char *path, struct qb_error *err)
{
	if (access(path, F_OK) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR
		       ? 0
		       : qb_error_errno(err, errno, "look for %s", path);
}

bool qb_file_exists(const char *path)
{
	return qb_file_find(path, NULL) != 0;
}

static int compare_unsigned(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* "policy12" with prefix "policy" is 12; -1 for any other name. */
static long numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	int64_t value;

	if (strncmp(name, prefix, len) != 0 || !isdigit((unsigned char)name[len]) ||
		qb_number_parse(name + len, &value) < 0 || value > INT_MAX)
		return -1;
	return (long)value;
}

int qb_dir_next(DIR *dir, const char *path, const struct dirent **ret, struct qb_error *err)
{
	errno = 0;
	*ret = readdir(dir);
	if (*ret)
		return 1;
	return errno ? qb_error_errno(err, errno, "list %s", path) : 0;
}

int qb_dir_numbers(
	const char *path, const char *prefix, unsigned **ret, size_t *ret_n, struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	_cleanup_free_ unsigned *list = NULL;
	size_t n = 0, cap = 0;
	const struct dirent *entry;
	int r;

	if (!dir)
		return qb_error_errno(err, errno, "list %s", path);
	while ((r = qb_dir_next(dir, path, &entry, err)) > 0) {
		long number = numbered(entry->d_name, prefix);

		if (number < 0)
			continue;
		if (n == cap) {
			unsigned *grown = realloc(list, (cap = cap ? cap * 2 : 64) * sizeof(*list));

			if (!grown)
				return qb_error_errno(err, ENOMEM, "list %s", path);
			list = grown;
		}
		list[n++] = (unsigned)number;
	}
	if (r < 0)
		return r;
	if (n)
		qsort(list, n, sizeof(*list), compare_unsigned);
	*ret = list;
	*ret_n = n;
	list = NULL;
	return 0;
}

static int copy(int from, int to, size_t most)
{
	char buf[4096];

	for (size_t total = 0;;) {
		ssize_t n = read(from, buf, sizeof(buf));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		total += (size_t)n;
		if (total > most)
			return -EFBIG;
		if (write(to, buf, (size_t)n) != n)
			return -EIO;
	}
}

int qb_file_seal(int fd, const char *name, size_t most)
{
	int memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = memfd < 0 ? -errno : copy(fd, memfd, most);

	if (r == 0 && fcntl(memfd, F_ADD_SEALS,
			      F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		r = -errno;
	if (r == 0)
		return memfd;
	if (memfd >= 0)
		close(memfd);
	return r;
}
