/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irqs.h: the identity of an interrupt. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/irqs.h>
#include <quietbench/step.h>
#include <quietbench/value.h>
#include <sys/stat.h>

#define ATTRIBUTE_SIZE 4097 /* sysfs gives at most one page */
#define FNV_BASIS      UINT64_C(14695981039346656037)
#define FNV_PRIME      UINT64_C(1099511628211)

/* FNV-1a over the text and its NUL, so that ("a", "bc") and ("ab", "c") differ. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
	while (*text++);
	return hash;
}

/* An attribute of /sys/kernel/irq/N; false: this kernel was built without. */
static int read_attribute(
	unsigned number, const char *name, char *buf, bool *ret_there, struct qb_error *err)
{
	char path[96];
	ssize_t n;

	qb_text_format(path, sizeof(path), "/sys/kernel/irq/%u/%s", number, name);
	n = qb_file_read(path, buf, ATTRIBUTE_SIZE, err);
	if (n < 0 && n != -ENOENT)
		return (int)n;
	*ret_there = n >= 0;
	if (n < 0)
		buf[0] = '\0';
	return 0;
}

int qb_irq_read(unsigned number, enum qb_irq_mask which, struct qb_cpus *ret, struct qb_error *err)
{
	const char *name = which == QB_IRQ_ALLOWED ? "smp_affinity" : "effective_affinity";
	char path[96], text[QB_CPUS_TEXT];
	bool list = false;
	ssize_t n;

	qb_text_format(path, sizeof(path), QB_IRQ_DIR "/%u/%s", number, name);
	n = qb_file_read(path, text, sizeof(text), err);
	if (n == -ENOENT) {
		list = true;
		qb_text_format(path, sizeof(path), QB_IRQ_DIR "/%u/%s_list", number, name);
		n = qb_file_read(path, text, sizeof(text), err);
	}
	if (n < 0)
		return (int)n;
	if ((list ? qb_cpus_parse_list(text, ret) : qb_cpus_parse_hex(text, ret)) < 0)
		return qb_error_set(err, EBADMSG, "%s is no set of CPUs", path);
	return 0;
}

bool qb_irq_per_cpu(unsigned number)
{
	struct qb_cpus effective;

	return qb_irq_read(number, QB_IRQ_EFFECTIVE, &effective, NULL) == 0 &&
	       qb_cpus_empty(&effective);
}

int qb_irq_identify(unsigned number, struct qb_irq *ret, struct qb_error *err)
{
	/* `actions` first: whether it is empty tells whether the IRQ is used. */
	static const char *const attributes[] = {"actions", "hwirq"};
	struct qb_irq irq = {.key = FNV_BASIS, .used = true};
	char text[ATTRIBUTE_SIZE];

	for (size_t i = 0; i < QB_ARRAY_SIZE(attributes); i++) {
		bool there = false;
		int r = read_attribute(number, attributes[i], text, &there, err);

		if (r < 0)
			return r;
		if (i == 0 && there)
			irq.used = *text != '\0';
		irq.key = hash_text(irq.key, text);
	}
	if (irq.key == 0)
		irq.key = 1;
	*ret = irq;
	return 0;
}

int qb_irq_look(unsigned number, struct qb_irq *ret, struct qb_error *err)
{
	struct stat st;
	char path[96];
	int r;

	qb_text_format(path, sizeof(path), QB_IRQ_DIR "/%u/smp_affinity", number);
	r = stat(path, &st);
	if (r < 0 && errno == ENOENT) {
		qb_text_format(path, sizeof(path), QB_IRQ_DIR "/%u/smp_affinity_list", number);
		r = stat(path, &st);
	}
	if (r < 0)
		return qb_error_errno(err, errno, "look at %s", path);
	r = qb_irq_identify(number, ret, err);
	if (r == 0)
		ret->fixed = !(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH));
	return r;
}
