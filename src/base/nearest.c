/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nearest.h */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>

#define LENGTH_MAX   (sizeof(((struct qb_nearest *)NULL)->best) - 1)
#define DISTANCE_MAX 3

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make a into b. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	unsigned rows[3][LENGTH_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= n_b; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n_b; j++) {
			row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
				least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[n_b];
}

void qb_nearest_offer(struct qb_nearest *nearest, const char *candidate)
{
	size_t n_word = strlen(nearest->word), n_candidate = strlen(candidate);
	unsigned limit = least(DISTANCE_MAX, n_word < 2 ? 1 : (unsigned)n_word / 2), d;

	if (n_word == 0 || n_word > LENGTH_MAX || n_candidate > LENGTH_MAX)
		return;
	d = distance(nearest->word, n_word, candidate, n_candidate);
	if (d > limit || (nearest->best[0] && d >= nearest->distance))
		return;
	nearest->distance = d;
	qb_text_copy(nearest->best, sizeof(nearest->best), candidate);
}

void qb_nearest_offer_words(struct qb_nearest *nearest, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, " ");
		char word[LENGTH_MAX + 1];

		if (n <= LENGTH_MAX) {
			memcpy(word, words, n);
			word[n] = '\0';
			qb_nearest_offer(nearest, word);
		}
		words += n + strspn(words + n, " ");
	}
}
