/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h */
#include <base/macros.h>
#include <base/text.h>
#include <ctype.h>
#include <stdarg.h>

bool qb_text_copy(char *buf, size_t size, const char *text)
{
	return qb_text_format(buf, size, "%s", text);
}

bool qb_text_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size;
}

static bool append(char *buf, size_t size, const char *fmt, va_list ap)
{
	const size_t used = strlen(buf);
	const int n = vsnprintf(buf + used, size - used, fmt, ap);

	return n >= 0 && (size_t)n < size - used;
}

bool qb_text_append(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = append(buf, size, fmt, ap);
	va_end(ap);
	return fits;
}

bool qb_text_join(char *buf, size_t size, const char *gap, const char *fmt, ...)
{
	va_list ap;
	bool fits = !*buf || qb_text_append(buf, size, "%s", gap);

	va_start(ap, fmt);
	fits = append(buf, size, fmt, ap) && fits;
	va_end(ap);
	return fits;
}

bool qb_text_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (len && *list) {
		size_t n = strcspn(list, " \t\n");

		if (n == len && memcmp(list, word, len) == 0)
			return true;
		list += n;
		list += strspn(list, " \t\n");
	}
	return false;
}

bool qb_text_is_word(const char *text)
{
	size_t len = strlen(text);

	if (len < 1 || len > 63)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.:@+-", text[i]))
			return false;
	return true;
}

void qb_text_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void qb_text_one_line(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if (*c < ' ' || *c == 0x7f || c1)
			*c = '?';
		if (c1)
			*++c = '?';
	}
}
