/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking for a profile as the planner does, and what the tests of it expect. */
#ifndef QB_TESTS_PROFILE_ASK_H
#define QB_TESTS_PROFILE_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <core/profile.h>
#include <sys/mman.h>

#define SHIPPED "profiles" /* tests run at the top of the repository */

/* A request under construction, with its files; and what became of it. */
struct ask {
	struct qb_request request;
	int fds[QB_REQUEST_FILES];
	const char *dirs[4];
	bool guest;
	int r;
	struct qb_profile profile;
	struct qb_error err;
	char missing[QB_PROFILE_NAME];
};

static inline void ask_free(struct ask *ask)
{
	for (unsigned i = 0; i < ask->request.n_files; i++)
		close(ask->fds[i]);
}

#define _cleanup_ask_ _cleanup_(ask_free)

static inline void attach_bytes(struct ask *ask, const char *label, const void *bytes, size_t size)
{
	int fd = memfd_create("profile", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	ask->fds[ask->request.n_files] = fd;
	qb_text_copy(ask->request.files[ask->request.n_files++], QB_PROFILE_FILE, label);
}

static inline void attach(struct ask *ask, const char *label, const char *text)
{
	attach_bytes(ask, label, text, strlen(text));
}

static inline void set(struct ask *ask, const char *text)
{
	qb_text_copy(ask->request.set[ask->request.n_set++], QB_REQUEST_SET, text);
}

static inline void load(struct ask *ask, const char *profile)
{
	memset(&ask->err, 0, sizeof(ask->err));
	qb_text_copy(ask->request.profile, sizeof(ask->request.profile), profile);
	ask->r = qb_profile_load(&ask->request, ask->fds, ask->dirs, ask->guest, &ask->profile,
		ask->missing, &ask->err);
}

static inline void assert_loaded(const struct ask *ask)
{
	if (ask->r < 0)
		fail_msg("%s", ask->err.text);
}

static inline void assert_refused(const struct ask *ask, const char *text)
{
	assert_string_equal(ask->err.text, text);
	assert_true(ask->r < 0 && ask->r == -ask->err.code);
}

static inline void assert_setting(const struct ask *ask, enum qb_key key, const char *text)
{
	char written[QB_SETTING_FORMAT];

	qb_setting_format(key, &ask->profile.set[key], written, sizeof(written));
	assert_string_equal(written, text);
}

#endif
