/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of code that reads a whole host: a small tree of files, and a child that is
 * chrooted into it and tells what it saw through a pipe.
 *
 *	tree_begin();
 *	tree_put("sys/devices/system/cpu/online", "0-1\n");
 *	tree_run(tell, text, sizeof(text));	// text is what tell(out) wrote
 *	tree_end();
 */
#ifndef QB_TESTS_TREE_H
#define QB_TESTS_TREE_H

#include <ftw.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "sandbox.h"

static char tree_root[64];

static inline void tree_begin(void)
{
	snprintf(tree_root, sizeof(tree_root), "/tmp/qb-tree-XXXXXX");
	assert_non_null(mkdtemp(tree_root));
}

static inline int tree_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void tree_end(void)
{
	assert_int_equal(nftw(tree_root, tree_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Writes a file below the tree and the folders it needs. */
static inline void tree_put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tree_root, name);
	for (char *at = path + strlen(tree_root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	assert_true(sandbox_put(path, text));
}

/* The same for what is no text. */
static inline void tree_put_bytes(const char *name, const void *bytes, size_t n)
{
	char path[256];
	FILE *out;

	tree_put(name, "");
	snprintf(path, sizeof(path), "%s/%s", tree_root, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

/* Skips the test where nobody may chroot. */
static inline void tree_run(void (*tell)(FILE *out), char *buf, size_t size)
{
	int fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		FILE *out = fdopen(fds[1], "w");

		if (!sandbox_enter() || chroot(tree_root) < 0 || chdir("/") < 0)
			_exit(77);
		tell(out);
		fclose(out);
		_exit(0);
	}
	close(fds[1]);
	while (used < size - 1 && (n = read(fds[0], buf + used, size - 1 - used)) > 0)
		used += (size_t)n;
	buf[used] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		tree_end();
		skip();
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
