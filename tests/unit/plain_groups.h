/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups as plain files below a private /run. */
#ifndef QB_TESTS_PLAIN_GROUPS_H
#define QB_TESTS_PLAIN_GROUPS_H

#include "sandbox.h"
#include <cmocka.h>
#include <host/cgroups.h>

#define ROOT "/run"

static const struct qb_cgroups cgroups = {
	.mount = {[QB_HIERARCHY_V2] = ROOT, [QB_HIERARCHY_CPUSET] = ROOT}};

/* An empty tree to put groups in, or skip. */
static void need_tree(void)
{
	static bool entered;

	if (!entered && !sandbox_enter())
		skip();
	entered = true;
	assert_true(sandbox_empty(ROOT));
}

static void put(const char *group, const char *file, const char *text)
{
	char path[256];

	assert_int_equal(qb_cgroups_create(&cgroups, QB_HIERARCHY_V2, group, NULL), 0);
	assert_int_equal(
		qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, group, file, path, sizeof(path), NULL),
		0);
	assert_true(sandbox_put(path, text));
}

#endif
