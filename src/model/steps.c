/* SPDX-License-Identifier: GPL-2.0-or-later */
/* step.h: lists of steps, their shared texts, and the encoding on wire and disk. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <quietbench/lever.h>
#include <quietbench/step.h>
#include <stdarg.h>

struct qb_text {
	char *text; /* NULL: a free slot */
	uint32_t hash;
};

struct qb_unit qb_unit_none(void)
{
	return (struct qb_unit){0};
}

struct qb_unit qb_unit_number(uint32_t number)
{
	return (struct qb_unit){.number = number};
}

bool qb_unit_equal(const struct qb_unit *a, const struct qb_unit *b)
{
	return a->number == b->number && a->key == b->key && strcmp(a->name, b->name) == 0;
}

const char *qb_status_name(enum qb_status status)
{
	switch (status) {
	case QB_STATUS_PLANNED: return "planned";
	case QB_STATUS_APPLIED: return "applied";
	case QB_STATUS_UNCHANGED: return "unchanged";
	case QB_STATUS_UNSUPPORTED: return "unsupported";
	case QB_STATUS_REFUSED: return "refused";
	case QB_STATUS_FAILED: return "failed";
	}
	return "?";
}

void qb_steps_free(struct qb_steps *steps)
{
	if (!steps)
		return;
	for (size_t i = 0; i < steps->cap_texts; i++)
		free(steps->texts[i].text);
	free(steps->texts);
	free(steps->v);
	*steps = (struct qb_steps){0};
}

static uint32_t hash_text(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* The slot of this text, or the free one where it belongs. The table is never full. */
static struct qb_text *slot_of(struct qb_text *texts, size_t cap, uint32_t hash, const char *text)
{
	size_t i = hash & (cap - 1);

	while (texts[i].text && (texts[i].hash != hash || strcmp(texts[i].text, text) != 0))
		i = (i + 1) & (cap - 1);
	return &texts[i];
}

static int grow_texts(struct qb_steps *steps)
{
	size_t cap = steps->cap_texts ? steps->cap_texts * 2 : 64;
	struct qb_text *texts = calloc(cap, sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < steps->cap_texts; i++) {
		const struct qb_text *old = &steps->texts[i];

		if (old->text)
			*slot_of(texts, cap, old->hash, old->text) = *old;
	}
	free(steps->texts);
	steps->texts = texts;
	steps->cap_texts = cap;
	return 0;
}

const char *qb_steps_text(struct qb_steps *steps, const char *text)
{
	struct qb_text *slot;
	uint32_t hash;

	if (!text)
		return NULL;
	if (steps->n_texts * 2 >= steps->cap_texts && grow_texts(steps) < 0)
		return NULL;
	hash = hash_text(text);
	slot = slot_of(steps->texts, steps->cap_texts, hash, text);
	if (!slot->text) {
		slot->text = strdup(text);
		if (!slot->text)
			return NULL;
		slot->hash = hash;
		steps->n_texts++;
	}
	return slot->text;
}

static struct qb_step *append(struct qb_steps *steps)
{
	if (steps->n == steps->cap) {
		size_t cap = steps->cap ? steps->cap * 2 : 64;
		struct qb_step *v = realloc(steps->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		steps->v = v;
		steps->cap = cap;
	}
	steps->v[steps->n] = (struct qb_step){0};
	return &steps->v[steps->n++];
}

struct qb_step *qb_steps_add(struct qb_steps *steps, unsigned lever, struct qb_unit unit,
	const char *before, const char *wanted)
{
	const char *shared_before = qb_steps_text(steps, before);
	const char *shared_wanted = qb_steps_text(steps, wanted);
	struct qb_step *step;

	if ((before && !shared_before) || (wanted && !shared_wanted))
		return NULL;
	step = append(steps);
	if (!step)
		return NULL;
	step->lever = (uint16_t)lever;
	step->unit = unit;
	step->before = shared_before;
	step->wanted = shared_wanted;
	return step;
}

int qb_steps_refuse(
	struct qb_steps *steps, unsigned lever, enum qb_status status, const char *fmt, ...)
{
	char reason[QB_ERROR_MAX];
	struct qb_step *step;
	const char *shared;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	shared = qb_steps_text(steps, reason);
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == lever && steps->v[i].status == status &&
			steps->v[i].reason == shared)
			return 0; /* said already, for another unit */
	step = qb_steps_add(steps, lever, qb_unit_none(), NULL, NULL);
	if (!step)
		return -ENOMEM;
	step->status = (uint8_t)status;
	step->reason = shared;
	return shared ? 0 : -ENOMEM;
}

struct qb_step *qb_steps_find(const struct qb_steps *steps, unsigned lever, struct qb_unit unit)
{
	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];

		if (step->lever == lever && qb_unit_equal(&step->unit, &unit))
			return step;
	}
	return NULL;
}

/* The fixed head of an encoded step; the texts follow in the order of `lengths`. */
#define TEXTS  5
#define ABSENT UINT16_MAX

struct packed_step {
	uint16_t lever;
	uint8_t status, verdict, restored, undoing, intent, pad;
	uint32_t number, pad2;
	uint64_t key;
	char name[QB_NAME_MAX];
	uint16_t lengths[TEXTS + 3]; /* without the NUL; ABSENT for NULL; the last three are 0 */
};

int qb_step_encode(const struct qb_step *step, void *buf, size_t size)
{
	const char *const texts[TEXTS] = {
		step->before, step->wanted, step->became, step->left, step->reason};
	struct packed_step head = {
		.lever = step->lever,
		.status = step->status,
		.verdict = step->verdict,
		.restored = step->restored,
		.undoing = step->undoing,
		.intent = step->intent,
		.number = step->unit.number,
		.key = step->unit.key,
	};
	size_t used = sizeof(head);

	qb_text_copy(head.name, sizeof(head.name), step->unit.name);
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len = texts[i] ? strlen(texts[i]) : 0;

		if (len >= QB_TEXT_MAX || used + len > size)
			return -EMSGSIZE;
		head.lengths[i] = texts[i] ? (uint16_t)len : ABSENT;
		if (len)
			memcpy((char *)buf + used, texts[i], len);
		used += len;
	}
	memcpy(buf, &head, sizeof(head));
	return (int)used;
}

static bool zero(const void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* A step has one encoding: what no member uses is 0. */
static bool well_formed(const struct packed_step *head)
{
	const size_t name = strnlen(head->name, sizeof(head->name));

	return zero(head->name + name, sizeof(head->name) - name) && !head->pad && !head->pad2 &&
	       zero(head->lengths + TEXTS, sizeof(head->lengths) - TEXTS * sizeof(uint16_t)) &&
	       head->lever < QB_LEVER_COUNT && head->status <= QB_STATUS_FAILED &&
	       head->verdict <= QB_VERDICT_CONFLICT && head->restored <= QB_RESTORED_OWED &&
	       head->intent <= 1 && memchr(head->name, '\0', sizeof(head->name));
}

/* Cuts the texts out of buf; -EBADMSG when their lengths do not add up to size. */
static int unpack_texts(struct qb_steps *steps, const struct packed_step *head, const char *buf,
	size_t size, const char **ret)
{
	for (size_t i = 0; i < TEXTS; i++) {
		char text[QB_TEXT_MAX];
		size_t len = head->lengths[i];

		ret[i] = NULL;
		if (len == ABSENT)
			continue;
		if (len >= sizeof(text) || len > size || memchr(buf, '\0', len))
			return -EBADMSG;
		memcpy(text, buf, len);
		text[len] = '\0';
		ret[i] = qb_steps_text(steps, text);
		if (!ret[i])
			return -ENOMEM;
		buf += len;
		size -= len;
	}
	return size ? -EBADMSG : 0;
}

int qb_step_decode(struct qb_steps *steps, const void *buf, size_t size)
{
	const char *texts[TEXTS];
	struct packed_step head;
	struct qb_step *step;
	int r;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (!well_formed(&head))
		return -EBADMSG;
	r = unpack_texts(
		steps, &head, (const char *)buf + sizeof(head), size - sizeof(head), texts);
	if (r < 0)
		return r;
	step = append(steps);
	if (!step)
		return -ENOMEM;
	step->lever = head.lever;
	step->status = head.status;
	step->verdict = head.verdict;
	step->restored = head.restored;
	step->undoing = head.undoing;
	step->intent = head.intent;
	step->unit = (struct qb_unit){.number = head.number, .key = head.key};
	qb_text_copy(step->unit.name, sizeof(step->unit.name), head.name);
	step->before = texts[0];
	step->wanted = texts[1];
	step->became = texts[2];
	step->left = texts[3];
	step->reason = texts[4];
	return 0;
}
