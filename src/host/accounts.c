/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accounts.h */
#include <base/macros.h>
#include <errno.h>
#include <grp.h>
#include <host/accounts.h>
#include <pwd.h>

/* A group of thousands of members is one long line. */
#define LINE_MAX_BYTES (256 * 1024)

int qb_accounts_user(const char *name, uint32_t *ret)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/passwd", "re");
	_cleanup_free_ char *line = malloc(LINE_MAX_BYTES);
	struct passwd entry, *found;
	int r;

	if (!file || !line)
		return file ? -ENOMEM : -errno;
	while ((r = fgetpwent_r(file, &entry, line, LINE_MAX_BYTES, &found)) == 0)
		if (strcmp(entry.pw_name, name) == 0) {
			*ret = entry.pw_uid;
			return 0;
		}
	return -r;
}

int qb_accounts_group(const char *name, uint32_t *ret)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/group", "re");
	_cleanup_free_ char *line = malloc(LINE_MAX_BYTES);
	struct group entry, *found;
	int r;

	if (!file || !line)
		return file ? -ENOMEM : -errno;
	while ((r = fgetgrent_r(file, &entry, line, LINE_MAX_BYTES, &found)) == 0)
		if (strcmp(entry.gr_name, name) == 0) {
			*ret = entry.gr_gid;
			return 0;
		}
	return -r;
}
