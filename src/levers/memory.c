/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory.h: the attributes of memory that are more than a file. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/memory.h>

static int read_choice(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char text[256];
	const char *word;
	ssize_t n = qb_file_read(lever->path, text, sizeof(text), err);

	if (n < 0)
		return (int)n;
	word = strchr(text, '[');
	if (!word || !strchr(word, ']') ||
		!qb_text_format(buf, size, "%.*s", (int)strcspn(word + 1, "]"), word + 1))
		return qb_error_set(
			err, EBADMSG, "read %s: expected a [word] in '%s'", lever->path, text);
	return 0;
}

static int judge_choice(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char offered[256];
	ssize_t n = qb_file_read(lever->path, offered, sizeof(offered), err);

	if (n < 0)
		return (int)n;
	for (char *c = offered; *c; c++)
		if (*c == '[' || *c == ']')
			*c = ' ';
	if (!qb_text_has_word(offered, text))
		return qb_error_set(
			err, EINVAL, "this kernel offers no '%s', only: %s", text, offered);
	return 0;
}

static int read_ksm(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	ssize_t n = qb_file_read(lever->path, buf, size, err);

	if (n < 0)
		return (int)n;
	/* Whoever puts 2 back unmerges all pages once more. */
	if (strcmp(buf, "2") == 0)
		return qb_error_set(err, ENOENT, QB_KSM_UNMERGED);
	return 0;
}

static int write_once(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char now[32];

	if (qb_file_read(lever->path, now, sizeof(now), NULL) >= 0 && strcmp(now, text) == 0)
		return 0;
	return qb_file_write(lever->path, text, err);
}

static int read_drop(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	if (!qb_file_exists(lever->path))
		return qb_error_errno(err, ENOENT, "look at %s", lever->path);
	qb_text_copy(buf, size, "kept");
	return 0;
}

static int write_drop(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	(void)text; /* the judge lets no other in than "dropped", and nothing is ever put back */
	sync();	    /* what is not on the disk yet cannot be dropped */
	return qb_file_write(lever->path, "3", err);
}

const struct qb_lever_ops qb_choice_ops = {.read = read_choice, .judge = judge_choice};
const struct qb_lever_ops qb_ksm_ops = {.read = read_ksm};
const struct qb_lever_ops qb_once_ops = {.write = write_once};
const struct qb_lever_ops qb_drop_caches_ops = {.read = read_drop, .write = write_drop};
