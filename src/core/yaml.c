/* SPDX-License-Identifier: GPL-2.0-or-later */
/* yaml.h. The only file that knows libyaml. */
#include <base/macros.h>
#include <base/text.h>
#include <core/yaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <yaml.h>

struct qb_yaml {
	const char *label;
	const unsigned char *bytes;
	size_t size;
	yaml_parser_t parser;
	bool inside;		   /* the top mapping has begun */
	char section[QB_YAML_KEY]; /* the one we are in; "" at the top */
	char series[QB_YAML_KEY];  /* the list it is of, as which one from 1; "": of none */
	unsigned number;
	struct qb_yaml_entry entry;
	/* Every key so far, with its section: what a duplicate is a duplicate of. */
	struct {
		char section[QB_YAML_KEY], key[QB_YAML_KEY];
	} seen[QB_YAML_KEYS];
	size_t n_seen;
};

static void event_free(yaml_event_t *event)
{
	yaml_event_delete(event);
}

#define _cleanup_event_ _cleanup_(event_free)

static struct qb_yaml_mark mark_of(yaml_mark_t mark)
{
	return (struct qb_yaml_mark){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* libyaml tells of unreadable bytes by offset alone. */
static struct qb_yaml_mark mark_at(const struct qb_yaml *yaml, size_t offset)
{
	struct qb_yaml_mark mark = {1, 1};

	for (size_t i = 0; i < offset && i < yaml->size; i++) {
		if (yaml->bytes[i] == '\n')
			mark = (struct qb_yaml_mark){mark.line + 1, 1};
		else if ((yaml->bytes[i] & 0xc0) != 0x80) /* not a byte inside a character */
			mark.column++;
	}
	return mark;
}

/* "LABEL:LINE:COL: section.key: …", the key where one is being read. */
static int __attribute__((format(printf, 4, 5))) fail(const struct qb_yaml *yaml,
	struct qb_yaml_mark mark, struct qb_error *err, const char *fmt, ...)
{
	const char *name = yaml->entry.name;
	char text[QB_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return qb_error_set(err, EINVAL, "%s:%u:%u: %s%s%s", yaml->label, mark.line, mark.column,
		name, name[0] ? ": " : "", text);
}

/* What libyaml could not read. */
static int fail_syntax(struct qb_yaml *yaml, struct qb_error *err)
{
	const yaml_parser_t *parser = &yaml->parser;
	const char *context = parser->context ? parser->context : "";

	yaml->entry.name[0] = '\0'; /* libyaml reads ahead: this may be elsewhere */
	if (parser->error == YAML_MEMORY_ERROR)
		return qb_error_errno(err, ENOMEM, "read %s", yaml->label);
	if (parser->error == YAML_READER_ERROR)
		return fail(yaml, mark_at(yaml, parser->problem_offset), err,
			"not valid UTF-8 text: %s", parser->problem);
	return fail(yaml, mark_of(parser->problem_mark), err, "not valid YAML: %s%s%s", context,
		context[0] ? ": " : "", parser->problem);
}

/* The anchor or tag that a node carries: both are refused. */
static const char *decoration(const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (event->type == YAML_ALIAS_EVENT || anchor)
		return "anchors and aliases (& and *) are not allowed: write the value out, or "
		       "quote it if it is a text";
	return tag ? "tags (!) are not allowed: write the value alone, or quote it if it is a text"
		   : NULL;
}

/* The next event, to be freed by the caller whatever is returned. */
static int take(struct qb_yaml *yaml, yaml_event_t *ret, struct qb_error *err)
{
	const char *problem;

	if (!yaml_parser_parse(&yaml->parser, ret))
		return fail_syntax(yaml, err);
	problem = decoration(ret);
	return problem ? fail(yaml, mark_of(ret->start_mark), err, "%s", problem) : 0;
}

/* Copies a scalar that fits and has no NUL byte ("\0" in quotes makes one). */
static bool copy_scalar(const yaml_event_t *event, char *buf, size_t size)
{
	const char *text = (const char *)event->data.scalar.value;

	return strlen(text) == event->data.scalar.length && qb_text_copy(buf, size, text);
}

/* A key of printable ASCII into QB_YAML_KEY bytes. */
static bool copy_key(const yaml_event_t *event, char *buf)
{
	if (event->type != YAML_SCALAR_EVENT || !copy_scalar(event, buf, QB_YAML_KEY) || !buf[0])
		return false;
	for (const char *c = buf; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return true;
}

static int open_document(struct qb_yaml *yaml, struct qb_error *err)
{
	for (;;) {
		_cleanup_event_ yaml_event_t event = {0};
		int r = take(yaml, &event, err);

		if (r < 0)
			return r;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			return 0;
		if (event.type == YAML_STREAM_END_EVENT)
			return fail(yaml, mark_of(event.start_mark), err, "empty document");
	}
}

int qb_yaml_open(const char *label, const void *bytes, size_t size, struct qb_yaml **ret,
	struct qb_error *err)
{
	_cleanup_(qb_yaml_freep) struct qb_yaml *yaml = calloc(1, sizeof(*yaml));
	/* A byte order mark, which some editors write; libyaml takes it for the first document's. */
	const size_t mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	const unsigned char *nul;
	int r;

	if (!yaml || !yaml_parser_initialize(&yaml->parser))
		return qb_error_errno(err, ENOMEM, "read %s", label);
	yaml->label = label;
	yaml->bytes = (const unsigned char *)bytes + mark;
	yaml->size = size - mark;
	if (size > QB_YAML_SIZE)
		return qb_error_set(
			err, EINVAL, "%s: longer than %d KiB", label, QB_YAML_SIZE / 1024);
	nul = yaml->size ? memchr(yaml->bytes, '\0', yaml->size) : NULL;
	if (nul)
		return fail(yaml, mark_at(yaml, (size_t)(nul - yaml->bytes)), err,
			"a NUL byte: not a text");
	yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml->parser, yaml->bytes, yaml->size);
	r = open_document(yaml, err);
	if (r < 0)
		return r;
	*ret = yaml;
	yaml = NULL;
	return 0;
}

void qb_yaml_free(struct qb_yaml *yaml)
{
	if (!yaml)
		return;
	yaml_parser_delete(&yaml->parser);
	free(yaml);
}

/* After the last node: nothing but the end may follow. */
static int close_document(struct qb_yaml *yaml, struct qb_error *err)
{
	for (;;) {
		_cleanup_event_ yaml_event_t event = {0};
		int r = take(yaml, &event, err);

		if (r < 0)
			return r;
		if (event.type == YAML_STREAM_END_EVENT)
			return 0;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			return fail(yaml, mark_of(event.start_mark), err,
				"a second document: one file holds one");
	}
}

/* Makes room for one more item of the entry. */
static struct qb_yaml_item *add_item(
	struct qb_yaml *yaml, struct qb_yaml_mark at, struct qb_error *err)
{
	struct qb_yaml_entry *entry = &yaml->entry;

	if (entry->n == QB_YAML_ITEMS) {
		fail(yaml, at, err, "more than %d items", QB_YAML_ITEMS);
		return NULL;
	}
	entry->items[entry->n].at = at;
	entry->items[entry->n].key[0] = '\0';
	return &entry->items[entry->n++];
}

static int add_text(struct qb_yaml *yaml, struct qb_yaml_item *item, const yaml_event_t *event,
	struct qb_error *err)
{
	if (event->type != YAML_SCALAR_EVENT)
		return fail(yaml, mark_of(event->start_mark), err,
			"a list or a mapping too deep inside");
	if (!copy_scalar(event, item->text, sizeof(item->text)))
		return fail(yaml, mark_of(event->start_mark), err,
			"longer than %d bytes, or a NUL byte in it", QB_YAML_TEXT - 1);
	return 0;
}

/* The next section of a list of them begins. */
static void enter_series(struct qb_yaml *yaml)
{
	qb_text_format(
		yaml->section, sizeof(yaml->section), "%s[%u]", yaml->series, ++yaml->number);
}

static int read_item_key(struct qb_yaml *yaml, struct qb_yaml_item *item, const yaml_event_t *event,
	struct qb_error *err)
{
	if (!copy_key(event, item->key))
		return fail(yaml, item->at, err, "expected a plain word as key");
	for (const struct qb_yaml_item *i = yaml->entry.items; i < item; i++)
		if (strcmp(i->key, item->key) == 0)
			return fail(yaml, item->at, err, "the same key twice");
	return 0;
}

/*
 * The items of a list or a mapping, to its end. At the top the first of a list may be a mapping:
 * then all are, and they are sections.
 */
static int read_items(struct qb_yaml *yaml, bool top, struct qb_error *err)
{
	const bool map = yaml->entry.kind == QB_YAML_MAP;

	for (;;) {
		_cleanup_event_ yaml_event_t event = {0}, text = {0};
		struct qb_yaml_item *item;
		int r = take(yaml, &event, err);

		if (r < 0 || event.type == (map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT))
			return r;
		if (top && yaml->entry.n == 0 && event.type == YAML_MAPPING_START_EVENT) {
			yaml->entry.kind = QB_YAML_SERIES;
			yaml->number = 0;
			qb_text_copy(yaml->series, sizeof(yaml->series), yaml->entry.key);
			enter_series(yaml);
			return 0;
		}
		item = add_item(yaml, mark_of(event.start_mark), err);
		r = !item ? -EINVAL : map ? read_item_key(yaml, item, &event, err) : 0;
		if (r >= 0 && map)
			r = take(yaml, &text, err);
		if (r >= 0)
			r = add_text(yaml, item, map ? &text : &event, err);
		if (r < 0)
			return r;
	}
}

/* The value of the entry. At the top a mapping is a section. */
static int read_value(struct qb_yaml *yaml, bool top, struct qb_error *err)
{
	_cleanup_event_ yaml_event_t event = {0};
	struct qb_yaml_entry *entry = &yaml->entry;
	int r = take(yaml, &event, err);

	if (r < 0)
		return r;
	entry->at = mark_of(event.start_mark);
	entry->n = 0;
	if (event.type == YAML_SEQUENCE_START_EVENT) {
		entry->kind = QB_YAML_LIST;
		return read_items(yaml, top, err);
	}
	if (event.type == YAML_MAPPING_START_EVENT && !top) {
		entry->kind = QB_YAML_MAP;
		return read_items(yaml, false, err);
	}
	if (event.type == YAML_MAPPING_START_EVENT) {
		entry->kind = QB_YAML_SECTION;
		qb_text_copy(yaml->section, sizeof(yaml->section), entry->key);
		return 0;
	}
	entry->kind = QB_YAML_SCALAR;
	return add_text(yaml, add_item(yaml, entry->at, err), &event, err);
}

/* The key of the entry, not seen before. */
static int read_key(struct qb_yaml *yaml, const yaml_event_t *event, struct qb_error *err)
{
	struct qb_yaml_entry *entry = &yaml->entry;

	entry->key_at = mark_of(event->start_mark);
	qb_text_copy(entry->section, sizeof(entry->section), yaml->section);
	if (!copy_key(event, entry->key))
		return fail(yaml, entry->key_at, err, "expected a plain word as key");
	qb_text_format(entry->name, sizeof(entry->name), "%s%s%s", entry->section,
		entry->section[0] ? "." : "", entry->key);
	for (size_t i = 0; i < yaml->n_seen; i++)
		if (strcmp(yaml->seen[i].section, entry->section) == 0 &&
			strcmp(yaml->seen[i].key, entry->key) == 0)
			return fail(yaml, entry->key_at, err, "the same key twice");
	if (yaml->n_seen == QB_YAML_KEYS)
		return fail(yaml, entry->key_at, err, "more than %d keys", QB_YAML_KEYS);
	memcpy(yaml->seen[yaml->n_seen].section, entry->section, sizeof(entry->section));
	memcpy(yaml->seen[yaml->n_seen].key, entry->key, sizeof(entry->key));
	yaml->n_seen++;
	return 0;
}

/* A section has ended; in a list of them the next one may begin. */
static int leave_section(struct qb_yaml *yaml, struct qb_error *err)
{
	_cleanup_event_ yaml_event_t event = {0};
	int r = yaml->series[0] ? take(yaml, &event, err) : 0;

	yaml->section[0] = '\0';
	if (event.type == YAML_MAPPING_START_EVENT)
		enter_series(yaml);
	else if (event.type == YAML_SEQUENCE_END_EVENT)
		yaml->series[0] = '\0';
	else if (r == 0 && yaml->series[0])
		r = fail(
			yaml, mark_of(event.start_mark), err, "expected a section, like the first");
	return r;
}

int qb_yaml_next(struct qb_yaml *yaml, const struct qb_yaml_entry **ret, struct qb_error *err)
{
	for (;;) {
		_cleanup_event_ yaml_event_t event = {0};
		bool top = !yaml->section[0];
		int r;

		yaml->entry.name[0] = '\0';
		r = take(yaml, &event, err);
		if (r < 0)
			return r;
		if (!yaml->inside && event.type != YAML_MAPPING_START_EVENT)
			return fail(yaml, mark_of(event.start_mark), err,
				"expected a mapping (KEY: VALUE lines)");
		if (!yaml->inside) {
			yaml->inside = true;
			continue;
		}
		if (event.type == YAML_MAPPING_END_EVENT && top)
			return close_document(yaml, err);
		if (event.type == YAML_MAPPING_END_EVENT)
			r = leave_section(yaml, err);
		else
			r = read_key(yaml, &event, err);
		if (r >= 0 && event.type == YAML_MAPPING_END_EVENT)
			continue;
		if (r >= 0)
			r = read_value(yaml, top, err);
		if (r < 0)
			return r;
		*ret = &yaml->entry;
		return 1;
	}
}

int qb_yaml_value(struct qb_yaml *yaml, const struct qb_yaml_entry **ret, struct qb_error *err)
{
	int r = read_value(yaml, false, err);

	if (r >= 0)
		r = close_document(yaml, err);
	if (r < 0)
		return r;
	*ret = &yaml->entry;
	return 0;
}

/* ---- what is wrong with an entry ---- */

#define VERSION "1"

int qb_entry_reject_text(const struct qb_yaml_entry *entry, const char *expected, const char *found,
	const char *near, struct qb_error *err)
{
	char shown[64];

	qb_text_copy(shown, sizeof(shown), found);
	qb_text_printable(shown);
	if (!near || !*near)
		return qb_error_set(
			err, EINVAL, "%s: expected %s, found '%s'", entry->name, expected, shown);
	return qb_error_set(err, EINVAL, "%s: expected %s, found '%s'; did you mean '%s'?",
		entry->name, expected, shown, near);
}

int qb_entry_reject(const struct qb_yaml_entry *entry, const char *expected, struct qb_error *err)
{
	if (entry->kind == QB_YAML_SCALAR)
		return qb_entry_reject_text(entry, expected, entry->items[0].text, NULL, err);
	return qb_error_set(err, EINVAL, "%s: expected %s, found %s", entry->name, expected,
		entry->kind == QB_YAML_LIST || entry->kind == QB_YAML_SERIES ? "a list"
									     : "a section");
}

int qb_entry_version(const struct qb_yaml_entry *entry, struct qb_error *err)
{
	if (entry->kind == QB_YAML_SCALAR && strcmp(entry->items[0].text, VERSION) == 0)
		return 0;
	return qb_entry_reject(entry, VERSION " (the only version of the format)", err);
}

int qb_entry_no_version(const char *label, struct qb_error *err)
{
	return qb_error_set(err, EINVAL,
		"%s:1:1: version: expected " VERSION " (the version of the format), found nothing",
		label);
}
