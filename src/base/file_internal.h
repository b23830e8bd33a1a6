/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reading and writing of files share with those that are kept open. */
#ifndef QB_BASE_FILE_INTERNAL_H
#define QB_BASE_FILE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct qb_kept {
	char *path; /* NULL: a free place */
	int fd;	    /* -1: not open */
	bool writable;
	unsigned round; /* of qb_file_keep_fresh, since when it was looked at */
	mode_t mode;	/* as it was seen in that round; 0: it was not */
	size_t length;	/* its text may be so long */
};

/* Does the kernel make this file's text, and give all of it with one read(2)? */
bool qb_file_is_attribute(const char *path);
/* NULL: this file is not kept, for whatever reason. Valid until the next call. */
struct qb_kept *qb_kept_find(const char *path);
/* As pread(2) of its beginning, or a negative errno; `ret_opened` tells what failed. */
ssize_t qb_kept_read(struct qb_kept *file, bool writable, char *buf, size_t size, bool *ret_opened);
/* A descriptor for writing, or a negative errno. */
int qb_kept_open(struct qb_kept *file);

#endif
