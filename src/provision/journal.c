/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provision.h: the journal, a file of lines that people can read, too. A text of several lines follows the
 * line that it belongs to, each of its lines behind a bar.
 */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>

#define JOURNAL	   QB_PROVISION_DIR "/provision"
#define FIRST_LINE "quietbench-provision 1"
#define LAST_LINE  "end"
#define TYPES	   3

static const char *const type_names[TYPES] = {
	[QB_PROVISION_FOLDER] = "folder",
	[QB_PROVISION_FILE] = "file",
	[QB_PROVISION_LINK] = "link",
};

void qb_provision_free(struct qb_provision *provision)
{
	for (size_t i = 0; i < provision->n_objects; i++) {
		free(provision->objects[i].text);
		free(provision->objects[i].was);
	}
	free(provision->objects);
	free(provision->items);
	*provision = (struct qb_provision){0};
}

struct qb_provision_object *qb_provision_object_of(
	const struct qb_provision *provision, const char *path)
{
	for (size_t i = 0; i < provision->n_objects; i++)
		if (strcmp(provision->objects[i].path, path) == 0)
			return &provision->objects[i];
	return NULL;
}

int qb_provision_add_object(struct qb_provision *provision, enum qb_provision_type type,
	const char *path, const char *text, struct qb_error *err)
{
	struct qb_provision_object *grown = realloc(
		provision->objects, (provision->n_objects + 1) * sizeof(*provision->objects));
	struct qb_provision_object object = {.type = type};

	if (!grown)
		return qb_error_errno(err, ENOMEM, "remember %s", path);
	provision->objects = grown;
	if (!qb_text_copy(object.path, sizeof(object.path), path))
		return qb_error_errno(err, ENAMETOOLONG, "remember %s", path);
	if (text && !(object.text = strdup(text)))
		return qb_error_errno(err, ENOMEM, "remember %s", path);
	provision->objects[provision->n_objects++] = object;
	return 0;
}

struct qb_provision_item *qb_provision_add_item(struct qb_provision *provision, unsigned row)
{
	struct qb_provision_item *grown =
		realloc(provision->items, (provision->n_items + 1) * sizeof(*provision->items));

	if (!grown)
		return NULL;
	provision->items = grown;
	grown += provision->n_items++;
	*grown = (struct qb_provision_item){.row = row};
	return grown;
}

/* ---- writing ---- */

static int sync_folder_of(const char *path, struct qb_error *err)
{
	char folder[PATH_MAX];
	_cleanup_close_ int fd = -1;

	qb_text_format(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? qb_error_errno(err, errno, "make %s durable", path) : 0;
}

static int write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		left -= (size_t)n;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int qb_provision_write_file(const char *path, const char *text, bool replace, struct qb_error *err)
{
	char new[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r;

	qb_text_format(new, sizeof(new), "%s" NEW_SUFFIX, path);
	if (unlink(new) < 0 && errno != ENOENT)
		return qb_error_errno(err, errno, "remove %s", new);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return qb_error_errno(err, errno, "make %s", new);
	r = write_all(fd, text);
	if (r == 0 && renameat2(AT_FDCWD, new, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0) {
		unlink(new);
		return qb_error_errno(err, -r, "write %s", path);
	}
	return sync_folder_of(path, err);
}

/* The text with a bar before each of its lines. */
static void put_text(FILE *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		fprintf(out, "|%.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void put(FILE *out, const struct qb_provision *p)
{
	fprintf(out, FIRST_LINE "\nstate %s\nloader %s\nboot %s\nprofile %s\nbenchmark %s\n",
		p->pending ? "pending" : "done", qb_provision_loader_name(p->loader), p->boot_id,
		p->profile, p->benchmark);
	fprintf(out, "args %s\nwas-args %s\n", p->args, p->was_args);
	for (size_t i = 0; i < p->n_items; i++)
		if (p->items[i].state == QB_PROVISION_WANTED)
			fprintf(out, "item %s\t%s\t%s\n", qb_provisions[p->items[i].row].name,
				p->items[i].text, p->items[i].value);
	for (size_t i = 0; i < p->n_objects; i++) {
		const struct qb_provision_object *object = &p->objects[i];

		if (object->did == QB_PROVISION_FOREIGN ||
			(!p->pending && object->gone && object->did != QB_PROVISION_KEPT))
			continue;
		fprintf(out, "%s %s\n", type_names[object->type], object->path);
		put_text(out, object->text ? object->text : "");
		if (p->pending && object->was) {
			fputs("was \n", out);
			put_text(out, object->was);
		}
	}
	fputs(LAST_LINE "\n", out);
}

int qb_provision_write(const struct qb_provision *provision, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return qb_error_errno(err, ENOMEM, "write the journal");
	put(out, provision);
	if (fclose(out) != 0)
		return qb_error_errno(err, ENOMEM, "write the journal");
	return qb_provision_write_file(JOURNAL, text, true, err);
}

int qb_provision_forget(struct qb_error *err)
{
	static const char *const files[] = {JOURNAL NEW_SUFFIX, JOURNAL};

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++)
		if (unlink(files[i]) < 0 && errno != ENOENT)
			return qb_error_errno(err, errno, "remove %s", files[i]);
	/* What else there may be is another program's. */
	if (rmdir(QB_PROVISION_DIR) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
		return qb_error_errno(err, errno, "remove %s", QB_PROVISION_DIR);
	return 0;
}

/* ---- reading ---- */

static int add_line(char **text, const char *line)
{
	const size_t n = *text ? strlen(*text) : 0, more = strlen(line);
	char *grown = realloc(*text, n + more + 2);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + n, line, more);
	memcpy(grown + n + more, "\n", 2);
	*text = grown;
	return 0;
}

static int take_item(struct qb_provision *p, char *value)
{
	char *text = strchr(value, '\t'), *shown = text ? strchr(text + 1, '\t') : NULL;
	struct qb_provision_item *item;
	int row;

	if (!shown)
		return -EBADMSG;
	*text++ = *shown++ = '\0';
	row = qb_provision_find(value);
	/* Another version's: what holds it is among the objects all the same. */
	if (row < 0)
		return 0;
	item = qb_provision_add_item(p, (unsigned)row);
	if (!item)
		return -ENOMEM;
	return qb_text_copy(item->text, sizeof(item->text), text) &&
			       qb_text_copy(item->value, sizeof(item->value), shown)
		       ? 0
		       : -EBADMSG;
}

/* MUST 6. */
static bool is_ours_to_touch(const char *path)
{
	return strncmp(path, "/etc/", 5) == 0 && !strstr(path, "/../") && !strstr(path, "//");
}

static int take_word(struct qb_provision *p, const char *word, char *value)
{
	const struct {
		const char *word;
		char *to;
		size_t size;
	} texts[] = {
		{"boot", p->boot_id, sizeof(p->boot_id)},
		{"profile", p->profile, sizeof(p->profile)},
		{"benchmark", p->benchmark, sizeof(p->benchmark)},
		{"args", p->args, sizeof(p->args)},
		{"was-args", p->was_args, sizeof(p->was_args)},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(texts); i++)
		if (strcmp(word, texts[i].word) == 0)
			return qb_text_copy(texts[i].to, texts[i].size, value) ? 0 : -EBADMSG;
	for (enum qb_provision_loader loader = 0; loader < QB_PROVISION_LOADERS; loader++)
		if (strcmp(word, "loader") == 0 &&
			strcmp(value, qb_provision_loader_name(loader)) == 0) {
			p->loader = loader;
			return 0;
		}
	if (strcmp(word, "state") == 0) {
		p->pending = strcmp(value, "done") != 0;
		return 0;
	}
	if (strcmp(word, "item") == 0)
		return take_item(p, value);
	for (enum qb_provision_type type = 0; type < TYPES; type++)
		if (strcmp(word, type_names[type]) == 0)
			return is_ours_to_touch(value)
				       ? qb_provision_add_object(p, type, value, NULL, NULL)
				       : -EBADMSG;
	return -EBADMSG;
}

static int take_line(struct qb_provision *p, char *line, bool *was)
{
	struct qb_provision_object *last = p->n_objects ? &p->objects[p->n_objects - 1] : NULL;
	char *value = strchr(line, ' ');

	if (*line == '|')
		return last ? add_line(*was ? &last->was : &last->text, line + 1) : -EBADMSG;
	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	*was = strcmp(line, "was") == 0;
	if (*was)
		return last ? 0 : -EBADMSG;
	return take_word(p, line, value);
}

/* A link's target has no newline. */
static void end_links(struct qb_provision *p)
{
	for (size_t i = 0; i < p->n_objects; i++) {
		struct qb_provision_object *object = &p->objects[i];

		if (object->type != QB_PROVISION_LINK)
			continue;
		if (object->text)
			object->text[strcspn(object->text, "\n")] = '\0';
		if (object->was)
			object->was[strcspn(object->was, "\n")] = '\0';
	}
}

static int parse(char *text, struct qb_provision *p)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	bool was = false;
	int r = line && strcmp(line, FIRST_LINE) == 0 ? 0 : -EBADMSG;

	while (r == 0 && (line = strtok_r(NULL, "\n", &save)) && strcmp(line, LAST_LINE) != 0)
		r = take_line(p, line, &was);
	if (r == 0 && (!line || strtok_r(NULL, "\n", &save)))
		r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < p->n_objects; i++)
		if (p->objects[i].type != QB_PROVISION_FOLDER && !p->objects[i].text)
			r = -EBADMSG;
	end_links(p);
	return r;
}

int qb_provision_read(struct qb_provision *ret, struct qb_error *err)
{
	_cleanup_(qb_provision_free) struct qb_provision read = {.known = true};
	_cleanup_free_ char *text = NULL;
	struct qb_error why = {0};
	ssize_t n = qb_file_read_all(JOURNAL, &text, &why);
	int r;

	if (n == -ENOENT || n == -ENOTDIR) {
		*ret = (struct qb_provision){0};
		return 0;
	}
	if (n < 0)
		return qb_error_set(err, why.code, "%s", why.text);
	r = parse(text, &read);
	if (r < 0)
		return qb_error_set(err, -r,
			"%s is not a journal of this version: what it tells of must be removed by hand, then the file",
			JOURNAL);
	*ret = read;
	read = (struct qb_provision){0};
	return 0;
}

/* Only root may write there, or the journal is not root's word. */
static int open_folder(bool make, struct qb_error *err)
{
	struct stat st;
	int fd;

	if (make && mkdir(QB_PROVISION_DIR, 0755) < 0 && errno != EEXIST)
		return qb_error_errno(err, errno, "make %s", QB_PROVISION_DIR);
	fd = open(QB_PROVISION_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return qb_error_errno(err, errno, "open %s", QB_PROVISION_DIR);
	if (fstat(fd, &st) == 0 && st.st_uid == 0 && (st.st_mode & 022) == 0)
		return fd;
	close(fd);
	return qb_error_set(
		err, EPERM, "%s is not a folder that only root may write to", QB_PROVISION_DIR);
}

int qb_provision_open(bool make, struct qb_provision *ret, struct qb_error *err)
{
	struct stat ours, named;
	int fd, r;

	for (;;) {
		fd = open_folder(make, err);
		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			r = errno == EWOULDBLOCK ? EBUSY : errno;
			close(fd);
			return qb_error_set(err, r, "another quietbench provision is running");
		}
		/* An undo that ended meanwhile removed the folder that was opened. */
		if (fstat(fd, &ours) == 0 && stat(QB_PROVISION_DIR, &named) == 0 &&
			ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
			break;
		close(fd);
	}
	r = qb_provision_read(ret, err);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

void qb_provision_close(int lock)
{
	close(lock);
}
