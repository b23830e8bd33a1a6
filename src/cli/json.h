/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON documents, written front to back; and read, by pointers.
 *
 *	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
 *	qb_json_text(json, "schema", "quietbench/plan/1");
 *	qb_json_array(json, "steps");
 *	…
 *	qb_json_end(json);
 *	return qb_json_print(json, stdout, err);
 *
 * The document is an object, open from the start. `key` is NULL inside an array. Nothing fails on
 * the way: running out of memory is remembered and told by qb_json_print, so that a document is
 * whole or not there at all. A NULL document is one that ran out of memory at once.
 *
 * JSON is UTF-8. In a text that is not (a command line may hold any bytes), each byte beyond ASCII
 * becomes U+FFFD.
 */
#ifndef QUIETBENCH_CLI_JSON_H
#define QUIETBENCH_CLI_JSON_H

#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/protocol.h>
#include <quietbench/step.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct qb_json;

struct qb_json *qb_json_new(void);
void qb_json_freep(struct qb_json **json);

void qb_json_object(struct qb_json *json, const char *key);
void qb_json_array(struct qb_json *json, const char *key);
void qb_json_end(struct qb_json *json); /* of the innermost object or array */

void qb_json_text(struct qb_json *json, const char *key, const char *text); /* NULL: null */
void qb_json_number(struct qb_json *json, const char *key, int64_t number);
/* Negative or not a number: null. */
void qb_json_share(struct qb_json *json, const char *key, double share);
/* Not a finite number: null. */
void qb_json_real(struct qb_json *json, const char *key, double value);
void qb_json_bool(struct qb_json *json, const char *key, bool value);
void qb_json_null(struct qb_json *json, const char *key);

/* The shapes that several documents share. */
void qb_json_cpus(struct qb_json *json, const char *key, const struct qb_cpus *set);
/* Members of the object that is open. */
void qb_json_host(struct qb_json *json, const struct qb_host *host);
void qb_json_selection(struct qb_json *json, const char *key, const struct qb_selection *chosen);
/* `lever` and `unit`; the unit is "" where a step speaks of its lever as a whole. */
void qb_json_step(struct qb_json *json, const struct qb_step *step);
/* Where it came from, the request's overrides, and every key with its value in force:
 * `"frequency.turbo": false`, `"idle.max_latency": "10us"`. */
void qb_json_profile(struct qb_json *json, const char *key, const struct qb_profile *profile,
	const struct qb_request *request);

/* Writes the document and a newline. */
int qb_json_print(const struct qb_json *json, FILE *out, struct qb_error *err);

/* ---- reading ---- */

/* A value somewhere in a document; lives as long as that. */
struct qb_json_value;

/* malloc'd, to be freed with qb_json_value_freep; -EBADMSG: no JSON, with the line. */
int qb_json_parse(const char *text, size_t size, struct qb_json_value **ret, struct qb_error *err);
int qb_json_read(const char *file, struct qb_json_value **ret, struct qb_error *err);
void qb_json_value_freep(struct qb_json_value **value);
/* By a pointer (RFC 6901: "/results/0/median"; "" is the value itself). NULL: there is none. */
const struct qb_json_value *qb_json_at(const struct qb_json_value *value, const char *pointer);
/* Of an array; 0 of anything else. */
size_t qb_json_size(const struct qb_json_value *array);
/* False, and *ret untouched: it is no number, or no text. A text lives as long as the document. */
bool qb_json_to_number(const struct qb_json_value *value, double *ret);
bool qb_json_to_text(const struct qb_json_value *value, const char **ret);

bool qb_json_is_true(const struct qb_json_value *value);

/* A value of another document, which may go before this one does. NULL: null. */
void qb_json_copy(struct qb_json *json, const char *key, const struct qb_json_value *value);
/* The document on one line, so that it can stand in a page's script: without a <. 0 or -ENOMEM. */
int qb_json_embed(const struct qb_json *json, FILE *out);

/* One text in quotes, as JSON has it and YAML, too. 0 or -ENOMEM. */
int qb_json_quote(FILE *out, const char *text);

#endif
