/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts made of words, as the kernel writes them: "performance powersave \n". */
#ifndef QB_BASE_TEXT_H
#define QB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies with truncation; always NUL-terminated. Returns false when it was cut. */
bool qb_text_copy(char *buf, size_t size, const char *text);
/* snprintf that says whether all fitted. */
bool qb_text_format(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Text built up in a buffer of fixed size, which begins empty (""): each adds to what is there, and
 * says whether all fitted; what does not is cut.
 */
bool qb_text_append(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One more of a list: `gap` comes before it unless it is the first. */
bool qb_text_join(char *buf, size_t size, const char *gap, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Is `word` one of the blank-separated words of `list`? */
bool qb_text_has_word(const char *list, const char *word);
/* [A-Za-z0-9_.:@+-]{1,63}: what a governor, a preference, a command name may look like. */
bool qb_text_is_word(const char *text);
/* Replaces everything that is not printable ASCII by '?': for texts shown or logged. */
void qb_text_printable(char *text);
/* Replaces control characters (a newline, an escape) by '?'; what else is UTF-8 stays as it is. */
void qb_text_one_line(char *text);

#endif
