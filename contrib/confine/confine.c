/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `confine` prints the filters of core/confine_rules.c as C, for the architecture that it was built for. The only file that
 * knows libseccomp. Makefile: $(BUILD)/confine_filters.c.
 */
#include <core/confine_rules.h>
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With SCMP_ACT_KILL_PROCESS and the log: whatever the machine has that builds. */
#define API_LEVEL 3

static void fail(const char *what, int r)
{
	fprintf(stderr, "confine: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void add(scmp_filter_ctx filter, const struct qb_confine_rule *rule)
{
	uint32_t action = rule->refuse ? SCMP_ACT_ERRNO((uint32_t)rule->refuse) : SCMP_ACT_ALLOW;
	int r, call = seccomp_syscall_resolve_name(rule->call);

	if (call == __NR_SCMP_ERROR)
		fail(rule->call, -ENOSYS);
	r = seccomp_rule_add(filter, action, call, rule->n,
		SCMP_CMP64(rule->arg, SCMP_CMP_MASKED_EQ, rule->mask, rule->value));
	/* Some calls do not exist on every architecture. */
	if (r < 0 && r != -EDOM && r != -EFAULT)
		fail(rule->call, r);
}

static void print(scmp_filter_ctx filter, int who)
{
	struct sock_filter row;
	FILE *file = tmpfile();
	int r = file ? seccomp_export_bpf(filter, fileno(file)) : -errno;

	if (r < 0)
		fail("export a filter", r);
	rewind(file);
	printf("static const struct sock_filter filter_%d[] = {\n", who);
	while (fread(&row, sizeof(row), 1, file) == 1)
		printf("\t{%#x, %u, %u, %#x},\n", row.code, row.jt, row.jf, row.k);
	printf("};\n");
	fclose(file);
}

static void make(int who)
{
	const struct qb_confine_rules *own = &qb_confine_rules[who];
	scmp_filter_ctx filter =
		seccomp_init(own->kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));

	if (!filter)
		fail("start a filter", -EINVAL);
	for (size_t i = 0; i < qb_confine_common.n; i++)
		add(filter, &qb_confine_common.v[i]);
	for (size_t i = 0; i < own->n; i++)
		add(filter, &own->v[i]);
	print(filter, who);
	seccomp_release(filter);
}

int main(void)
{
	if (seccomp_api_set(API_LEVEL) < 0)
		fail("libseccomp is too old", -ENOTSUP);
	printf("#include <core/confine.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n");
	for (int who = 0; who < QB_CONFINED_COUNT; who++)
		make(who);
	printf("const struct qb_confine_filter qb_confine_filters[QB_CONFINED_COUNT] = {\n");
	for (int who = 0; who < QB_CONFINED_COUNT; who++)
		printf("\t{filter_%d, sizeof(filter_%d) / sizeof(filter_%d[0]), %s},\n", who, who,
			who, qb_confine_rules[who].kill ? "0" : "SECCOMP_FILTER_FLAG_LOG");
	printf("};\n");
	return ferror(stdout) || fflush(stdout) != 0;
}
