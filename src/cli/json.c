/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON documents, see json.h. The only file that knows jansson. */
#include <assert.h>
#include <base/macros.h>
#include <cli/json.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <quietbench/lever.h>
#include <stdlib.h>
#include <string.h>

/* Deep enough for the record, whose runs hold counters. */
#define JSON_DEPTH 8

struct qb_json {
	json_t *open[JSON_DEPTH]; /* the document owns them all */
	unsigned depth;		  /* open[depth] is the innermost */
	bool failed;
};

struct qb_json *qb_json_new(void)
{
	struct qb_json *json = calloc(1, sizeof(*json));
	if (!json)
		return NULL;
	json->open[0] = json_object();
	json->failed = !json->open[0];
	return json;
}

void qb_json_freep(struct qb_json **json)
{
	if (*json)
		json_decref((*json)->open[0]);
	free(*json);
}

/* Takes over `value`; NULL is the allocation that failed. */
static void add(struct qb_json *json, const char *key, json_t *value)
{
	if (!json || json->failed || !value) {
		json_decref(value);
		if (json)
			json->failed = true;
		return;
	}
	json_t *into = json->open[json->depth];
	int failed =
		key ? json_object_set_new(into, key, value) : json_array_append_new(into, value);
	json->failed = failed != 0;
}

static void begin(struct qb_json *json, const char *key, json_t *value)
{
	add(json, key, value);
	if (!json || json->failed)
		return;
	assert(json->depth + 1 < JSON_DEPTH);
	json->open[++json->depth] = value;
}

void qb_json_object(struct qb_json *json, const char *key)
{
	begin(json, key, json_object());
}

void qb_json_array(struct qb_json *json, const char *key)
{
	begin(json, key, json_array());
}

void qb_json_end(struct qb_json *json)
{
	if (json && !json->failed)
		json->depth--;
}

static json_t *text_replaced(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *copy = malloc(strlen(text) * (sizeof(replacement) - 1) + 1);
	if (!copy)
		return NULL;
	char *to = copy;
	for (const char *from = text; *from; from++) {
		if ((unsigned char)*from < 0x80)
			*to++ = *from;
		else
			to = stpcpy(to, replacement);
	}
	*to = '\0';
	json_t *value = json_string(copy);
	free(copy);
	return value;
}

static json_t *text_value(const char *text)
{
	json_t *value = json_string(text); /* NULL also for what is not UTF-8 */
	return value ? value : text_replaced(text);
}

void qb_json_text(struct qb_json *json, const char *key, const char *text)
{
	add(json, key, text ? text_value(text) : json_null());
}

void qb_json_number(struct qb_json *json, const char *key, int64_t number)
{
	add(json, key, json_integer(number));
}

void qb_json_share(struct qb_json *json, const char *key, double share)
{
	add(json, key, share >= 0 ? json_real(share) : json_null());
}

void qb_json_real(struct qb_json *json, const char *key, double value)
{
	add(json, key, isfinite(value) ? json_real(value) : json_null());
}

void qb_json_bool(struct qb_json *json, const char *key, bool value)
{
	add(json, key, json_boolean(value));
}

void qb_json_null(struct qb_json *json, const char *key)
{
	add(json, key, json_null());
}

void qb_json_cpus(struct qb_json *json, const char *key, const struct qb_cpus *set)
{
	char text[QB_CPUS_TEXT] = "";
	qb_cpus_format_list(set, text, sizeof(text)); /* QB_CPUS_TEXT always suffices */
	qb_json_text(json, key, text);
}

static void number_or_null(struct qb_json *json, const char *key, int64_t number)
{
	if (number)
		qb_json_number(json, key, number);
	else
		qb_json_null(json, key);
}

static const char *virtualization(const struct qb_host *host)
{
	if (host->hypervisor[0])
		return host->hypervisor;
	return host->guest ? "unknown" : "none";
}

void qb_json_host(struct qb_json *json, const struct qb_host *host)
{
	qb_json_text(json, "cpu_model", host->cpu_model);
	qb_json_text(json, "virtualization", virtualization(host));
	qb_json_number(json, "cpus", host->cpus);
	qb_json_number(json, "cores", host->cores);
	qb_json_number(json, "packages", host->packages);
	qb_json_number(json, "nodes", host->nodes);
	qb_json_number(json, "kinds", host->kinds);
	qb_json_number(json, "boot_cpu", host->boot_cpu);
	qb_json_text(json, "cpufreq_driver", host->cpufreq_driver[0] ? host->cpufreq_driver : NULL);
	number_or_null(json, "base_khz", host->base_khz);
	number_or_null(json, "max_khz", host->max_khz);
}

static void nodes(struct qb_json *json, const char *key, const struct qb_selection *chosen)
{
	qb_json_array(json, key);
	for (unsigned node = 0; node < 32 * QB_ARRAY_SIZE(chosen->nodes); node++)
		if (chosen->nodes[node / 32] & 1u << node % 32)
			qb_json_number(json, NULL, node);
	qb_json_end(json);
}

void qb_json_selection(struct qb_json *json, const char *key, const struct qb_selection *chosen)
{
	qb_json_object(json, key);
	qb_json_cpus(json, "benchmark", &chosen->bench);
	qb_json_cpus(json, "reserved", &chosen->reserved);
	qb_json_cpus(json, "offline", &chosen->offline);
	qb_json_cpus(json, "housekeeping", &chosen->housekeeping);
	qb_json_cpus(json, "isolated", &chosen->isolated);
	nodes(json, "nodes", chosen);
	qb_json_text(json, "isolation", qb_isolation_name(chosen->isolation));
	qb_json_text(json, "why", chosen->why);
	qb_json_text(json, "note", chosen->note[0] ? chosen->note : NULL);
	qb_json_end(json);
}

static void frequency(struct qb_json *json, const char *key, int64_t khz)
{
	const struct qb_setting setting = {.kind = QB_SETTING_NUMBER, .number = khz};
	char text[QB_SETTING_TEXT];

	qb_setting_format(QB_KEY_FREQUENCY_RANGE, &setting, text, sizeof(text));
	qb_json_text(json, key, text);
}

static void setting_words(struct qb_json *json, const char *key, const struct qb_setting *setting)
{
	qb_json_array(json, key);
	for (const char *word = NULL; (word = qb_setting_next(setting, word));)
		qb_json_text(json, NULL, word);
	qb_json_end(json);
}

static void setting_number(struct qb_json *json, enum qb_key key, const struct qb_setting *setting)
{
	char text[QB_SETTING_TEXT];
	switch (qb_keys[key].type) {
	case QB_KEY_BOOL: qb_json_bool(json, qb_keys[key].name, setting->number); return;
	case QB_KEY_NUMBER: qb_json_number(json, qb_keys[key].name, setting->number); return;
	case QB_KEY_DURATION:
	case QB_KEY_PERCENT:
	case QB_KEY_WORD:
	case QB_KEY_CPULIST:
	case QB_KEY_WORDS:
	case QB_KEY_FREQUENCY: break;
	}
	qb_setting_format(key, setting, text, sizeof(text));
	qb_json_text(json, qb_keys[key].name, text);
}

static void settings(struct qb_json *json, const char *key, const struct qb_profile *profile)
{
	qb_json_object(json, key);
	for (enum qb_key k = 0; k < QB_KEY_COUNT; k++) {
		const struct qb_setting *setting = &profile->set[k];
		switch ((enum qb_setting_kind)setting->kind) {
		case QB_SETTING_UNSET: qb_json_null(json, qb_keys[k].name); break;
		case QB_SETTING_NUMBER: setting_number(json, k, setting); break;
		case QB_SETTING_WORD: qb_json_text(json, qb_keys[k].name, setting->text); break;
		case QB_SETTING_WORDS: setting_words(json, qb_keys[k].name, setting); break;
		case QB_SETTING_RANGE:
			qb_json_object(json, qb_keys[k].name);
			frequency(json, "min", setting->number);
			frequency(json, "max", setting->upper);
			qb_json_end(json);
			break;
		}
	}
	qb_json_end(json);
}

/* Its name, where it came from, and what it amounts to. */
void qb_json_profile(struct qb_json *json, const char *key, const struct qb_profile *profile,
	const struct qb_request *request)
{
	qb_json_object(json, key);
	qb_json_text(json, "name", profile->name);
	qb_json_text(json, "description", profile->description);
	qb_json_text(json, "file", profile->file[0] ? profile->file : NULL);
	qb_json_text(json, "sha256", profile->sha256[0] ? profile->sha256 : NULL);
	qb_json_array(json, "overrides");
	for (unsigned i = 0; i < request->n_set; i++)
		qb_json_text(json, NULL, request->set[i]);
	qb_json_end(json);
	settings(json, "effective", profile);
	qb_json_end(json);
}

void qb_json_step(struct qb_json *json, const struct qb_step *step)
{
	char unit[QB_NAME_MAX + 64] = "";

	if (step->before || step->wanted)
		qb_lever_unit_name(step->lever, &step->unit, unit, sizeof(unit));
	qb_json_text(json, "lever", qb_lever_name(step->lever));
	qb_json_text(json, "unit", unit);
}

int qb_json_print(const struct qb_json *json, FILE *out, struct qb_error *err)
{
	if (!json || json->failed)
		return qb_error_set(err, ENOMEM, "cannot build the JSON document: out of memory");
	errno = 0;
	if (json_dumpf(json->open[0], out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF ||
		fflush(out) || ferror(out)) /* a full buffer's write fails unseen by the calls */
		return qb_error_errno(err, errno ? errno : EIO, "cannot write the JSON document");
	return 0;
}

int qb_json_quote(FILE *out, const char *text)
{
	json_t *value = text_value(text);
	int failed = value ? json_dumpf(value, out, JSON_ENCODE_ANY) : -1;
	json_decref(value);
	return failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

static json_t *document(const struct qb_json_value *value)
{
	return (json_t *)(uintptr_t)value;
}

static int keep_document(json_t *json, const json_error_t *error, const char *what,
	struct qb_json_value **ret, struct qb_error *err)
{
	if (!json)
		return qb_error_set(
			err, EBADMSG, "%s: no JSON: line %d: %s", what, error->line, error->text);
	*ret = (struct qb_json_value *)json;
	return 0;
}

int qb_json_parse(const char *text, size_t size, struct qb_json_value **ret, struct qb_error *err)
{
	json_error_t error = {0};

	return keep_document(
		json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error), &error,
		"what was printed", ret, err);
}

int qb_json_read(const char *file, struct qb_json_value **ret, struct qb_error *err)
{
	json_error_t error = {0};
	FILE *in = fopen(file, "re");
	json_t *json;

	if (!in)
		return qb_error_errno(err, errno, "read %s", file);
	errno = 0;
	json = json_loadf(in, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (ferror(in)) { /* a folder, a broken disk */
		qb_error_errno(err, errno ? errno : EIO, "read %s", file);
		json_decref(json);
		fclose(in);
		return -EIO;
	}
	fclose(in);
	return keep_document(json, &error, file, ret, err);
}

void qb_json_value_freep(struct qb_json_value **value)
{
	json_decref(document(*value));
	*value = NULL;
}

/* One name of a pointer, unescaped: ~1 is /, ~0 is ~. False: too long, or no escape. */
static bool next_name(const char **pointer, char *buf, size_t size)
{
	size_t n = 0;

	for (++*pointer; **pointer && **pointer != '/'; ++*pointer) {
		char c = **pointer;

		if (c == '~') {
			++*pointer;
			if (**pointer != '0' && **pointer != '1')
				return false;
			c = **pointer == '0' ? '~' : '/';
		}
		if (n + 1 == size)
			return false;
		buf[n++] = c;
	}
	buf[n] = '\0';
	return true;
}

const struct qb_json_value *qb_json_at(const struct qb_json_value *value, const char *pointer)
{
	const json_t *json = document(value);
	char name[256];
	int64_t index;

	while (json && *pointer) {
		if (*pointer != '/' || !next_name(&pointer, name, sizeof(name)))
			return NULL;
		if (!json_is_array(json))
			json = json_object_get(json, name);
		else if (qb_number_parse(name, &index) == 0 && index >= 0)
			json = json_array_get(json, (size_t)index);
		else
			json = NULL;
	}
	return (const struct qb_json_value *)json;
}

size_t qb_json_size(const struct qb_json_value *array)
{
	return json_array_size(document(array));
}

bool qb_json_to_number(const struct qb_json_value *value, double *ret)
{
	if (!json_is_number(document(value)))
		return false;
	*ret = json_number_value(document(value));
	return true;
}

bool qb_json_to_text(const struct qb_json_value *value, const char **ret)
{
	const char *text = json_string_value(document(value));

	if (text)
		*ret = text;
	return text != NULL;
}

bool qb_json_is_true(const struct qb_json_value *value)
{
	return json_is_true(document(value));
}

void qb_json_copy(struct qb_json *json, const char *key, const struct qb_json_value *value)
{
	add(json, key, value ? json_incref(document(value)) : json_null());
}

int qb_json_embed(const struct qb_json *json, FILE *out)
{
	char *text = json && !json->failed ? json_dumps(json->open[0], JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	for (const char *p = text; *p; p++)
		if (*p == '<') /* only in texts, where this is the same */
			fputs("\\u003c", out);
		else
			fputc(*p, out);
	free(text);
	return 0;
}
