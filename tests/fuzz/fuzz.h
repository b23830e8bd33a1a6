/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzers share: the entry point, texts to hand to a parser, and what must be true. */
#ifndef QB_TESTS_FUZZ_H
#define QB_TESTS_FUZZ_H

#include <base/macros.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The bytes as a text of exactly their length (a read behind it is seen); to be freed. */
static inline char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
