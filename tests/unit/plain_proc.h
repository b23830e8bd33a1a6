/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of code that looks at tasks: a /proc and a tree of control groups (ROOT) of plain files, which
 * can say what no kernel would at that moment. In a child, whose checks are CHECK.
 */
#ifndef QB_TESTS_PLAIN_PROC_H
#define QB_TESTS_PLAIN_PROC_H

#include <base/file.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "sandbox.h"

#define ROOT "/run"

static inline void put_file(const char *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void put_file(const char *text, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	for (char *at = path + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	assert_true(sandbox_put(path, text));
}

/* A process of the plain files. */
static inline void put_task(
	pid_t pid, pid_t parent, uint64_t start, const char *group, const char *mask)
{
	char text[512];

	snprintf(text, sizeof(text),
		"%d (x) S %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %llu 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
		pid, parent, (unsigned long long)start);
	put_file(text, "/proc/%d/task/%d/stat", pid, pid);
	put_file(text, "/proc/%d/stat", pid);
	snprintf(text, sizeof(text), "Name:\tx\nTgid:\t%d\nUid:\t0\t0\t0\t0\nCpus_allowed:\t%s\n",
		pid, mask);
	put_file(text, "/proc/%d/task/%d/status", pid, pid);
	put_file(text, "/proc/%d/status", pid);
	snprintf(text, sizeof(text), "7:cpuset:%s\n0::%s\n", group, group);
	put_file(text, "/proc/%d/task/%d/cgroup", pid, pid);
	put_file("x\n", "/proc/%d/task/%d/comm", pid, pid);
}

/* In a child, so that the other tests keep their /proc. */
static inline void in_plain_files(void (*test)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		if (!sandbox_enter() || !sandbox_empty(ROOT) || !sandbox_empty("/proc"))
			_exit(77);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* cmocka's assertions are the parent's; a child says what is wrong and ends. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			print_error("line %d: %s\n", __LINE__, #what);                             \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static inline bool holds(const char *path, const char *wanted)
{
	char text[256] = "(not there)";

	(void)qb_file_read(path, text, sizeof(text), NULL);
	if (strcmp(text, wanted) != 0)
		print_error("%s: '%s', not '%s'\n", path, text, wanted);
	return strcmp(text, wanted) == 0;
}

#endif
