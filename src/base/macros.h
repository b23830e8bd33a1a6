/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small helpers of the language: cleanup by attribute, array sizes, banned functions. */
#ifndef QB_BASE_MACROS_H
#define QB_BASE_MACROS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QB_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Runs fn(&variable) when the variable goes out of scope. */
#define _cleanup_(fn)	   __attribute__((cleanup(fn)))
#define _cleanup_free_	   _cleanup_(qb_cleanup_free)
#define _cleanup_close_	   _cleanup_(qb_cleanup_close)
#define _cleanup_fclose_   _cleanup_(qb_cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(qb_cleanup_closedir)

static inline void qb_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void qb_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void qb_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void qb_cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* These have no place in a program that root runs (git's banned.h). */
#define QB_BANNED(name) sorry_##name##_is_banned
#undef strcpy
#define strcpy(...) QB_BANNED(strcpy)
#undef strcat
#define strcat(...) QB_BANNED(strcat)
#undef strncpy
#define strncpy(...) QB_BANNED(strncpy)
#undef strncat
#define strncat(...) QB_BANNED(strncat)
#undef sprintf
#define sprintf(...) QB_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) QB_BANNED(vsprintf)
#undef strtok
#define strtok(...) QB_BANNED(strtok)
#undef system
#define system(...) QB_BANNED(system)
#undef popen
#define popen(...) QB_BANNED(popen)

#endif
