/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of threads, control groups and the processor, as any text: refused, with the
 * result untouched, or understood within bounds. The first byte chooses the file.
 */
#include "fuzz.h"
#include <errno.h>
#include <host/cgroups_text.h>
#include <host/identity.h>
#include <host/tasks.h>

static const struct qb_task nobody = {.tid = 7, .comm = "untouched", .allowed = "ff"};

#define ends(array) (memchr((array), '\0', sizeof(array)) != NULL)

static void fuzz_stat(char *text)
{
	struct qb_task task = nobody;
	int r = qb_task_parse_stat(text, &task);

	must(r == 0 || (r == -EBADMSG && memcmp(&task, &nobody, sizeof(task)) == 0));
	must(ends(task.comm) && strcmp(task.allowed, nobody.allowed) == 0);
}

static void fuzz_status(char *text)
{
	struct qb_task task = nobody;
	struct qb_cpus mask;
	int r = qb_task_parse_status(text, &task);

	must(r == 0 || (r == -EBADMSG && memcmp(&task, &nobody, sizeof(task)) == 0));
	must(r < 0 || (task.tgid > 0 && qb_cpus_parse_hex(task.allowed, &mask) == 0));
}

static bool is_word(const char *text)
{
	return *text && !strpbrk(text, " \t\n\v\f\r");
}

/* What is understood, written as a line, is understood as the same. */
static void fuzz_mount(const char *text)
{
	struct qb_mount mount = {.type = "untouched"}, again;
	char line[2048];

	if (qb_mount_parse(text, &mount) < 0) {
		must(strcmp(mount.type, "untouched") == 0);
		return;
	}
	must(is_word(mount.root) && is_word(mount.point) && is_word(mount.type) &&
		is_word(mount.super));
	snprintf(line, sizeof(line), "1 2 0:3 %s %s rw - %s none %s", mount.root, mount.point,
		mount.type, mount.super);
	must(qb_mount_parse(line, &again) == 0);
	must(strcmp(again.root, mount.root) == 0 && strcmp(again.point, mount.point) == 0 &&
		strcmp(again.type, mount.type) == 0 && strcmp(again.super, mount.super) == 0);
	qb_option_listed(mount.super, "cpuset");
}

static void fuzz_group(char *text, size_t size, const char *controller)
{
	const char *group = qb_group_find(text, controller);

	must(!group || (group > text && group <= text + size && !strchr(group, '\n')));
}

static void fuzz_model(char *text, size_t size)
{
	char model[96];

	qb_identity_parse_model(text, model, 1 + size % sizeof(model));
	must(strlen(model) <= size % sizeof(model));
	for (const char *c = model; *c; c++)
		must(*c >= ' ' && *c <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = size ? text_of(data + 1, size - 1) : NULL;

	switch (size ? data[0] % 6 : 6) {
	case 0: fuzz_stat(text); break;
	case 1: fuzz_status(text); break;
	case 2: fuzz_mount(text); break;
	case 3: fuzz_group(text, size - 1, NULL); break;
	case 4: fuzz_group(text, size - 1, "cpuset"); break;
	case 5: fuzz_model(text, size - 1); break;
	}
	return 0;
}
