/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile as text: what is refused, and the exact place and words of each refusal. */
#include "../profile_ask.h"

#include <core/yaml.h>
#include <errno.h>

/* A document and the error it must give. */
static const struct {
	const char *text, *error;
} documents[] = {
	/* not YAML, or YAML that has no place here */
	{"", "p:1:1: empty document"},
	{"# nothing\n", "p:2:1: empty document"},
	{"- 1\n", "p:1:1: expected a mapping (KEY: VALUE lines)"},
	{"keep\n", "p:1:1: expected a mapping (KEY: VALUE lines)"},
	{"version: 1\n---\nversion: 1\n", "p:2:1: a second document: one file holds one"},
	{"version: 1\ncpus:\n\tcount: 1\n",
		"p:3:1: not valid YAML: while scanning for the next token: found character that "
		"cannot start any token"},
	{"version: 1\ncpus: [\n",
		"p:3:1: not valid YAML: while parsing a flow node: did not find expected node "
		"content"},
	{"version: 1\nname: \"x\n",
		"p:3:1: not valid YAML: while scanning a quoted scalar: found unexpected end of "
		"stream"},
	{"version: 1\nname: \xff\n", "p:2:7: not valid UTF-8 text: invalid leading UTF-8 octet"},
	/* a byte order mark is not part of line 1 */
	{"\xef\xbb\xbfversion: 1\nname: \xff\n",
		"p:2:7: not valid UTF-8 text: invalid leading UTF-8 octet"},
	{"\xef\xbb\xbfversion: 2\n",
		"p:1:10: version: expected 1 (the only version of the format), found '2'"},
	{"\xef\xbb\xbf", "p:1:1: empty document"},
	{"version: 1\nname: \xed\xa0\x80\n",
		"p:2:7: not valid UTF-8 text: invalid Unicode character"},
	{"version: 1\nname: \xc0\xaf\n",
		"p:2:7: not valid UTF-8 text: invalid length of a UTF-8 sequence"},
	{"version: 1\r\nname: x\r\ncpus: {cout: 1}\r\n",
		"p:3:8: cpus.cout: expected a key of a profile, found 'cpus.cout'; did you mean "
		"'cpus.count'?"},
	{"version: 1\nname: \x07\n",
		"p:2:7: not valid UTF-8 text: control characters are not allowed"},
	{"version: &v 1\nname: x\n",
		"p:1:10: version: anchors and aliases (& and *) are not allowed: write the value "
		"out, or quote it if it is a text"},
	{"version: 1\nname: *v\n",
		"p:2:7: name: anchors and aliases (& and *) are not allowed: write the value out, "
		"or quote it if it is a text"},
	{"version: 1\n<<: *v\n",
		"p:2:5: <<: anchors and aliases (& and *) are not allowed: write the value out, "
		"or quote it if it is a text"},
	{"version: 1\n<<: {name: x}\n", "p:2:1: <<: expected a key of a profile, found '<<'"},
	{"version: !!int 1\n",
		"p:1:10: version: tags (!) are not allowed: write the value alone, or quote it if "
		"it is a text"},
	{"version: 1\ncpus: !x {count: 1}\n",
		"p:2:7: cpus: tags (!) are not allowed: write the value alone, or quote it if it "
		"is a text"},
	{"version: 1\nservices: {stop: [[a]]}\n",
		"p:2:19: services.stop: a list or a mapping too deep inside"},
	{"version: 1\nfrequency: {range: {min: {a: b}}}\n",
		"p:2:26: frequency.range: a list or a mapping too deep inside"},
	{"version: 1\n[a]: b\n", "p:2:1: expected a plain word as key"},
	{"version: 1\n\"\": {count: 1}\n", "p:2:1: expected a plain word as key"},
	{"version: 1\ncpus: {\"\\e[1m\": 1}\n", "p:2:8: expected a plain word as key"},
	{"version: 1\nname: \"a\\0b\"\n",
		"p:2:7: name: longer than 511 bytes, or a NUL byte in it"},
	/* keys */
	{"name: x\n", "p:1:1: version: expected 1 (the version of the format), found nothing"},
	{"version: 2\n", "p:1:10: version: expected 1 (the only version of the format), found '2'"},
	{"version: [1]\n",
		"p:1:10: version: expected 1 (the only version of the format), found a list"},
	{"version: 1\nversion: 1\n", "p:2:1: version: the same key twice"},
	{"version: 1\ncpus: {count: 1}\ncpus: {kind: any}\n", "p:3:1: cpus: the same key twice"},
	{"version: 1\ncpus:\n  count: 1\n  kind: any\n  count: 1\n",
		"p:5:3: cpus.count: the same key twice"},
	{"version: 1\nfrequency: {range: {min: 1GHz, min: 1GHz}}\n",
		"p:2:32: frequency.range: the same key twice"},
	{"version: 1\ncpu: {count: 1}\n",
		"p:2:1: cpu: expected a key of a profile, found 'cpu'; did you mean 'cpus'?"},
	{"version: 1\nfrequency:\n  turob: false\n",
		"p:3:3: frequency.turob: expected a key of a profile, found 'frequency.turob'; did "
		"you mean 'frequency.turbo'?"},
	{"version: 1\ncpus: {turbo: false}\n",
		"p:2:8: cpus.turbo: expected a key of a profile, found 'cpus.turbo'; did you mean "
		"'frequency.turbo'?"},
	{"version: 1\nturbo: false\n",
		"p:2:1: turbo: expected a key of a profile, found 'turbo'; did you mean "
		"'frequency.turbo'?"},
	{"version: 1\nextend: base\n",
		"p:2:1: extend: expected a key of a profile, found 'extend'; did you mean "
		"'extends'?"},
	{"version: 1\nxyzzy: 1\n", "p:2:1: xyzzy: expected a key of a profile, found 'xyzzy'"},
	{"version: 1\nxyzzy: {}\n", "p:2:1: xyzzy: expected a key of a profile, found 'xyzzy'"},
	{"version: 1\ncpus.count: 1\n",
		"p:2:1: cpus.count: expected a section (cpus: {count: ...})"},
	{"version: 1\ncpus: 1\n", "p:2:7: cpus: expected a section of keys, found '1'"},
	{"version: 1\ncpus:\n", "p:2:6: cpus: expected a section of keys, found ''"},
	{"version: 1\ncpus: [count]\n", "p:2:7: cpus: expected a section of keys, found a list"},
	{"version: 1\nname: a b\n",
		"p:2:7: name: expected the name of one profile (letters, digits, _ and -), found "
		"'a b'"},
	{"version: 1\nextends: [a, b]\n",
		"p:2:10: extends: expected the name of one profile (letters, digits, _ and -), "
		"found a list"},
	{"version: 1\nextends: ../base\n",
		"p:2:10: extends: expected the name of one profile (letters, digits, _ and -), "
		"found '../base'"},
	{"version: 1\ndescription: {a: b}\n",
		"p:2:14: description: expected one line of at most 255 bytes, found a section"},
	{"version: 1\ndescription: \"a\\nb\"\n",
		"p:2:14: description: expected one line of at most 255 bytes, found 'a?b'"},
	{"version: 1\ndescription: \"\\x9b1m\"\n",
		"p:2:14: description: expected one line of at most 255 bytes, found '?\?1m'"},
	/* values: the judge's own cases are in model/keys.c, here it is where they stand */
	{"version: 1\nirqs:\n  # soon\n  move:   yes\n",
		"p:4:11: irqs.move: expected true or false, found 'yes'; did you mean 'true'?"},
	{"version: 1\nirqs: {move: }\n", "p:2:14: irqs.move: expected true or false, found ''"},
	{"version: 1\nirqs: {move: ~}\n", "p:2:14: irqs.move: expected true or false, found '~'"},
	{"version: 1\nirqs: {move: [true]}\n",
		"p:2:14: irqs.move: expected true or false, found a list"},
	{"version: 1\nirqs: {move: {a: true}}\n",
		"p:2:14: irqs.move: expected true or false, found a mapping"},
	{"version: 1\ncpus:\n  exempt: sshd\n",
		"p:3:11: cpus.exempt: expected a list of words like [sshd, cron], found 'sshd'; "
		"did you mean '[sshd]'?"},
	{"version: 1\ncpus:\n  exempt: [sshd, \"a b\"]\n",
		"p:3:18: cpus.exempt: expected a list of words like [sshd, cron], found 'a b'"},
	{"version: 1\ncpus:\n  exempt:\n    - sshd\n    - \xc3\xa9\n",
		"p:5:7: cpus.exempt: expected a list of words like [sshd, cron], found '?\?'"},
	{"version: 1\nfrequency:\n  range:\n    min: 2GHz\n    max: 3\n",
		"p:5:5: frequency.range.max: expected a frequency from 1MHz to 20GHz, found '3'; "
		"did you mean '3GHz'?"},
	{"version: 1\nfrequency: {range: {min: 3GHz, max: 2GHz}}\n",
		"p:2:20: frequency.range: expected a min not above its max, found "
		"'{min: 3GHz, max: 2GHz}'"},
	{"version: 1\nrequire: [cpus]\n",
		"p:2:11: require: expected a list of keys like [cpus.isolation], found 'cpus'"},
	{"version: 1\nrequire: {cpus: 1}\n",
		"p:2:10: require: expected a list of keys like [cpus.isolation], found a mapping"},
	/* contradictions */
	{"version: 1\ncpus: {list: \"2-3\", count: 3}\n",
		"p:2:28: cpus.count: expected at most the 2 of cpus.list 2-3, found '3'"},
	{"version: 1\nrequire: [frequency.turbo]\n",
		"p:2:10: require: frequency.turbo is required and yet 'keep': set it, or do not "
		"require it"},
	{"version: 1\ncpus: {isolation: none}\nrequire: [cpus.isolation]\n",
		"p:3:10: require: cpus.isolation is required and yet 'none': set it, or do not "
		"require it"},
	{"version: 1\nservices: {stop: [a, b], freeze: [c, b]}\n",
		"p:2:34: services.freeze: b is in services.stop, too"},
	{"version: 1\nprocess: {policy: fifo, nice: -5}\n",
		"p:2:31: process.nice: expected 0 under process.policy fifo, found '-5'"},
};

static void test_documents(void **state)
{
	struct qb_profile untouched;

	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < QB_ARRAY_SIZE(documents); i++) {
		_cleanup_ask_ struct ask ask = {.profile = untouched};

		attach(&ask, "p", documents[i].text);
		load(&ask, "p");
		if (ask.r >= 0)
			fail_msg("taken: %s", documents[i].text);
		assert_refused(&ask, documents[i].error);
		assert_memory_equal(&ask.profile, &untouched, sizeof(untouched));
		assert_string_equal(ask.missing, "");
		assert_int_equal(qb_profile_load(&ask.request, ask.fds, ask.dirs, false,
					 &ask.profile, NULL, NULL),
			ask.r);
	}
}

static void test_bytes(void **state)
{
	static const char nul[] = "version: 1\nname: a\0b\n";
	static const char marked[] = "\xef\xbb\xbfversion: 1\r\nname: marked\r\n";
	_cleanup_ask_ struct ask ask = {0}, full = {0}, more = {0}, windows = {0};
	char *text = malloc(QB_YAML_SIZE + 1);

	attach_bytes(&ask, "p", nul, sizeof(nul) - 1);
	load(&ask, "p");
	assert_refused(&ask, "p:2:8: a NUL byte: not a text");

	attach(&windows, "p", marked);
	load(&windows, "p");
	assert_loaded(&windows);
	assert_string_equal(windows.profile.name, "marked");

	memset(text, '#', QB_YAML_SIZE + 1);
	memcpy(text, "version: 1\n", strlen("version: 1\n"));
	attach_bytes(&full, "p", text, QB_YAML_SIZE);
	load(&full, "p");
	assert_loaded(&full);
	attach_bytes(&more, "p", text, QB_YAML_SIZE + 1);
	load(&more, "p");
	assert_refused(&more, "p: longer than 64 KiB");
	free(text);
}

/* Neither many keys nor deep nesting nor a long list gets anywhere. */
static void test_bombs(void **state)
{
	static const char *const repeated[] = {"[", "{a: ", "- ", "? ", "a:\n "};
	char *text = malloc(QB_YAML_SIZE + 1);

	for (size_t i = 0; i < QB_ARRAY_SIZE(repeated); i++) {
		_cleanup_ask_ struct ask ask = {0};
		size_t used = 0, n = strlen(repeated[i]);

		for (; used + n <= QB_YAML_SIZE; used += n)
			memcpy(text + used, repeated[i], n);
		attach_bytes(&ask, "p", text, used);
		load(&ask, "p");
		assert_int_equal(ask.r, -EINVAL);
	}
	for (unsigned wrap = 0; wrap < 2; wrap++) {
		_cleanup_ask_ struct ask ask = {0};
		char *end = text +
			    snprintf(text, 64, "version: 1\n%s", wrap ? "services: {stop: [" : "");

		for (unsigned i = 0; i < 500; i++)
			end += snprintf(end, 16, wrap ? "a%u," : "a%u: 1\n", i);
		end += snprintf(end, 16, wrap ? "]}\n" : "");
		attach(&ask, "p", text);
		load(&ask, "p");
		if (wrap)
			assert_string_equal(
				ask.err.text, "p:2:549: services.stop: more than 128 items");
		else
			assert_int_equal(ask.r, -EINVAL);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
