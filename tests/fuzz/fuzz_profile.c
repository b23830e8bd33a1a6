/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a profile, and as the value of any key: refused with an error that says where, or
 * understood, and then what is written out is understood as the same.
 */
#include "fuzz.h"
#include <core/profile_internal.h>

static void check_setting(enum qb_key key, const struct qb_setting *setting)
{
	char text[QB_SETTING_FORMAT], again_text[QB_SETTING_FORMAT];
	struct qb_setting again;

	qb_setting_format(key, setting, text, sizeof(text));
	must(qb_setting_parse(key, text, &again, NULL) == 0);
	qb_setting_format(key, &again, again_text, sizeof(again_text));
	must(again.kind == setting->kind && again.n == setting->n);
	must(again.number == setting->number && again.upper == setting->upper);
	must(strcmp(text, again_text) == 0);
}

static void check_error(int r, const struct qb_error *err, const char *start)
{
	must(err->code == -r && strncmp(err->text, start, strlen(start)) == 0);
}

static void fuzz_document(const uint8_t *data, size_t size)
{
	static struct qb_layer layer;
	struct qb_error err = {0};
	int r = qb_layer_read("p", data, size, &layer, &err);

	if (r < 0) {
		check_error(r, &err, "p:");
		return;
	}
	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (layer.set[key].kind != QB_SETTING_UNSET)
			check_setting((enum qb_key)key, &layer.set[key]);
}

/* The first byte chooses the key. */
static void fuzz_value(const uint8_t *data, size_t size)
{
	enum qb_key key = (enum qb_key)(data[0] % QB_KEY_COUNT);
	struct qb_setting setting;
	struct qb_error err = {0};
	_cleanup_free_ char *text = text_of(data + 1, size - 1);
	int r;

	r = qb_setting_parse(key, text, &setting, &err);
	if (r < 0)
		check_error(r, &err, qb_keys[key].name);
	else
		check_setting(key, &setting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_document(data, size);
	if (size > 0)
		fuzz_value(data, size);
	return 0;
}
