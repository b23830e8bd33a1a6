/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small files of the kernel's: read whole, written with one write(2).
 *
 * All paths are built by the program; none comes from a user. Errors name the path.
 */
#ifndef QB_BASE_FILE_H
#define QB_BASE_FILE_H

#include <dirent.h>
#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Reads the whole file into buf, NUL-terminated, the final newline removed, and NULs behind it (some
 * captures of a host have them). Returns the length; -EFBIG when it does not fit, -EBADMSG when it
 * holds a NUL byte, or the errno of open/read.
 */
ssize_t qb_file_read(const char *path, char *buf, size_t size, struct qb_error *err);
/* The same of a file that will be written: one that is kept (below) is opened for both. */
ssize_t qb_file_read_changing(const char *path, char *buf, size_t size, struct qb_error *err);
/* The same, and `absent` where there is no such file. 0 or a negative errno. */
int qb_file_read_or(
	const char *path, const char *absent, char *buf, size_t size, struct qb_error *err);
/* The whole file, growing: for files without a known bound (/proc/interrupts). *ret is malloc'd. */
ssize_t qb_file_read_all(const char *path, char **ret, struct qb_error *err);
/* The same of a file below an open folder. */
ssize_t qb_file_read_all_at(int folder, const char *path, char **ret, struct qb_error *err);
/* A file that holds one decimal number. */
int qb_file_read_number(const char *path, long long *ret, struct qb_error *err);
/* Exactly one write(2) of text and a newline (as echo does), into a file that is there. */
int qb_file_write(const char *path, const char *text, struct qb_error *err);
/* The mode of a file: what it says may be done with it, whoever we are. */
int qb_file_mode(const char *path, mode_t *ret, struct qb_error *err);
/*
 * From now on this process opens an attribute of the kernel's (/sys/devices, /sys/kernel, /proc/irq,
 * /proc/sys) once, however often it reads and writes it: opening costs more than reading and writing. One
 * whose device has gone fails, and is opened again. As many are kept as RLIMIT_NOFILE allows.
 * qb_file_keep_none closes them, and no more are kept. After qb_file_keep_fresh, called when other programs
 * ran for a time, a kept file is compared with the one that has its path now, when it is used next; one that
 * was removed, moved away or replaced is closed, and what has its path now is opened.
 */
void qb_file_keep(void);
void qb_file_keep_fresh(void);
void qb_file_keep_none(void);
/*
 * A sealed copy of an open file, for other processes to read: a memfd (CLOEXEC), called `name` where people
 * see it. -EFBIG when the file has more than `most` bytes.
 */
int qb_file_seal(int fd, const char *name, size_t most);
/* The status of a program that could not be executed, for the dynamic linker as for the shell. */
#define QB_NOT_EXECUTED 127
/*
 * The first line that a program left on its stderr, of which `fd` is our end, without waiting for
 * more; "" when there is none. Printable, and cut when too long: it may come from anybody.
 */
void qb_file_read_said(int fd, char *buf, size_t size);
/* 1: it is there; 0: it is certainly not; or a negative errno, where nobody could look. */
int qb_file_find(const char *path, struct qb_error *err);
/* The same for those whose next step tells why: what cannot be looked at counts as there. */
bool qb_file_exists(const char *path);
/* The next entry of a folder: 1; 0 at its end; or its errno, which readdir passes off as the end. */
int qb_dir_next(DIR *dir, const char *path, const struct dirent **ret, struct qb_error *err);
/*
 * The numbered entries of a folder ("policy12" for prefix "policy", "33" for ""), ascending.
 * *ret is malloc'd, *ret_n its length; a folder that does not exist gives -ENOENT.
 */
int qb_dir_numbers(
	const char *path, const char *prefix, unsigned **ret, size_t *ret_n, struct qb_error *err);

#endif
