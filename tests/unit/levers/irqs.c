/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: identity, plan, and what the kernel's refusals mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <host/irqs.h>
#include <levers/irqs.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "../sandbox.h"

static bool sandboxed;

/* The kernel's answers to the next writes, one errno each; 0 lets the write through. */
static int answers[16];
static unsigned n_answers, next_answer;
/* What a refused write leaves: the kernel keeps its mask, a plain file was truncated by the open.
 */
static const char *kept = "ff\n";

ssize_t write(int fd, const void *buf, size_t size)
{
	if (next_answer < n_answers && answers[next_answer++]) {
		syscall(SYS_write, fd, kept, strlen(kept));
		errno = answers[next_answer - 1];
		return -1;
	}
	return syscall(SYS_write, fd, buf, size);
}

static void kernel_answers(unsigned n, int answer, int then)
{
	assert_true(n < 15);
	for (unsigned i = 0; i < n; i++)
		answers[i] = answer;
	answers[n] = then;
	n_answers = n + 1;
	next_answer = 0;
}

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

static int empty_host(void **state)
{
	n_answers = next_answer = 0;
	if (sandboxed && (!sandbox_empty("/proc/irq") || !sandbox_empty("/sys/kernel/irq")))
		return -1;
	return 0;
}

static void need_sandbox(void)
{
	if (!sandboxed)
		skip();
}

static void put(const char *text, const char *fmt, ...)
{
	char path[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	assert_true(sandbox_put(path, text));
}

static void make_irq(unsigned number, const char *mask, const char *actions)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/irq/%u", number);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%u", number);
	assert_int_equal(mkdir(path, 0755), 0);
	put(mask, "/proc/irq/%u/smp_affinity", number);
	put(actions, "/sys/kernel/irq/%u/actions", number);
	put("7\n", "/sys/kernel/irq/%u/hwirq", number);
}

static void assert_mask(unsigned number, const char *expected)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity", number);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, expected);
}

static struct qb_unit unit_of(unsigned number)
{
	struct qb_unit unit = qb_unit_number(number);
	struct qb_irq irq;

	assert_int_equal(qb_irq_look(number, &irq, NULL), 0);
	unit.key = irq.key;
	return unit;
}

static void test_identity(void **state)
{
	struct qb_irq irq, other;

	need_sandbox();
	make_irq(9, "ff\n", "nvme0q1\n");
	assert_int_equal(qb_irq_look(9, &irq, NULL), 0);
	assert_true(irq.key != 0 && irq.used && !irq.fixed);
	assert_int_equal(qb_irq_look(9, &other, NULL), 0);
	assert_true(irq.key == other.key);

	put("8\n", "/sys/kernel/irq/9/hwirq");
	assert_int_equal(qb_irq_look(9, &other, NULL), 0);
	assert_true(irq.key != other.key);
	put("7\n", "/sys/kernel/irq/9/hwirq");
	put("eth0\n", "/sys/kernel/irq/9/actions");
	assert_int_equal(qb_irq_look(9, &other, NULL), 0);
	assert_true(irq.key != other.key);

	put("\n", "/sys/kernel/irq/9/actions");
	assert_int_equal(chmod("/proc/irq/9/smp_affinity", 0444), 0);
	assert_int_equal(qb_irq_look(9, &other, NULL), 0);
	assert_true(!other.used && other.fixed);
	assert_int_equal(qb_irq_look(10, &other, NULL), -ENOENT);
}

/* A kernel without /sys/kernel/irq: every IRQ may be in use. */
static void test_identity_without_sysfs(void **state)
{
	struct qb_irq irq;

	need_sandbox();
	assert_int_equal(mkdir("/proc/irq/9", 0755), 0);
	put("ff\n", "/proc/irq/9/smp_affinity");
	assert_int_equal(qb_irq_look(9, &irq, NULL), 0);
	assert_true(irq.key != 0 && irq.used && !irq.fixed);
}

/* Eight CPUs; 2 is the benchmark's, 6 its idle sibling. */
static void plan(struct qb_steps *steps, const char *housekeeping)
{
	static struct qb_profile profile;
	struct qb_topology topology = {0};
	struct qb_selection selection = {0};
	const struct qb_wish wish = {
		.profile = &profile, .topology = &topology, .selection = &selection};
	struct qb_error err = {0};

	profile.set[QB_KEY_IRQS_MOVE] = (struct qb_setting){.kind = QB_SETTING_NUMBER, .number = 1};
	profile.set[QB_KEY_IRQS_IRQBALANCE] =
		(struct qb_setting){.kind = QB_SETTING_WORD, .text = "keep"};
	assert_int_equal(qb_cpus_parse_list("0-7", &topology.online), 0);
	assert_int_equal(qb_cpus_parse_list("2", &selection.bench), 0);
	assert_int_equal(qb_cpus_parse_list("6", &selection.reserved), 0);
	assert_int_equal(qb_cpus_parse_list(housekeeping, &selection.housekeeping), 0);
	assert_int_equal(qb_irqs_plan(&wish, steps, &err), 0);
}

static const struct qb_step *step_of(const struct qb_steps *steps, unsigned number)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_IRQ && steps->v[i].unit.number == number)
			return &steps->v[i];
	return NULL;
}

static void assert_step(const struct qb_step *step, const char *before, const char *wanted)
{
	assert_non_null(step);
	assert_string_equal(step->before, before);
	assert_string_equal(step->wanted, wanted);
}

static void test_plan(void **state)
{
	struct qb_steps steps = {0};
	const struct qb_step *dflt;

	need_sandbox();
	put("ff\n", "/proc/irq/default_smp_affinity");
	make_irq(1, "ff\n", "i8042\n");
	make_irq(2, "ff\n", "\n");			       /* nobody uses it */
	make_irq(3, "04\n", "eth0-rx\n");		       /* the benchmark's CPU alone */
	make_irq(4, "03\n", "ttyS0\n");			       /* elsewhere */
	make_irq(5, "ffffffff,ffffffff,ffffffff\n", "wide\n"); /* wider than the machine */
	make_irq(6, "40\n", "nvme0q6\n");		       /* 6.12 shows that it is managed */
	make_irq(7, "rubbish\n", "x\n");
	make_irq(8, "ff\n", "arch_timer\n"); /* each CPU's own */
	make_irq(9, "ff\n", "eth1\n");
	put("00\n", "/proc/irq/8/effective_affinity");
	put("04\n", "/proc/irq/9/effective_affinity");
	assert_int_equal(chmod("/proc/irq/6/smp_affinity", 0444), 0);
	assert_int_equal(mkdir("/proc/irq/hugetlb", 0755), 0); /* seen on a real machine */
	assert_int_equal(mkdir("/proc/irq/77", 0755), 0);      /* vanished since it was listed */

	plan(&steps, "0-1,3-5,7-9"); /* 8 and 9 are offline */
	dflt = qb_steps_find(&steps, QB_LEVER_IRQ_DEFAULT, qb_unit_none());
	assert_step(dflt, "ff", "bb");
	assert_step(step_of(&steps, 1), "ff", "bb");
	assert_true(step_of(&steps, 1)->unit.key == unit_of(1).key);
	assert_step(step_of(&steps, 3), "04", "bb");
	assert_step(step_of(&steps, 5), "ffffffff,ffffffff,ffffffff", "00000000,00000000,000000bb");
	assert_int_equal(step_of(&steps, 1)->status, QB_STATUS_PLANNED);
	assert_int_equal(step_of(&steps, 6)->status, QB_STATUS_UNSUPPORTED);
	assert_string_equal(step_of(&steps, 6)->reason, QB_IRQ_MANAGED);
	assert_step(step_of(&steps, 9), "ff", "bb");
	assert_null(step_of(&steps, 8));
	assert_int_equal(steps.n, 6);
	qb_steps_free(&steps);
}

/* One that cannot be read keeps no other from being moved, and is told. */
static void test_unreadable(void **state)
{
	struct qb_steps steps = {0};
	const struct qb_step *told = NULL;

	need_sandbox();
	put("ff\n", "/proc/irq/default_smp_affinity");
	for (unsigned i = 1; i <= 4; i++)
		make_irq(i, "ff\n", "eth0\n");
	assert_int_equal(unlink("/proc/irq/2/smp_affinity"), 0);
	assert_int_equal(mkdir("/proc/irq/2/smp_affinity", 0755), 0);
	plan(&steps, "0-1,3-5,7");
	assert_step(step_of(&steps, 1), "ff", "bb");
	assert_step(step_of(&steps, 3), "ff", "bb");
	assert_step(step_of(&steps, 4), "ff", "bb");
	for (size_t i = 0; i < steps.n; i++)
		if (steps.v[i].status == QB_STATUS_UNSUPPORTED)
			told = &steps.v[i];
	assert_non_null(told);
	assert_string_equal(told->reason,
		"1 interrupts cannot be read and stay where they are (Is a directory)");
	qb_steps_free(&steps);
}

static void test_plan_nothing(void **state)
{
	struct qb_steps steps = {0};

	need_sandbox();
	put("bb\n", "/proc/irq/default_smp_affinity");
	make_irq(4, "03\n", "ttyS0\n");
	plan(&steps, "0-1,3-5,7");
	assert_int_equal(steps.n, 1);
	assert_int_equal(steps.v[0].status, QB_STATUS_UNCHANGED);
	qb_steps_free(&steps);

	plan(&steps, "2,6"); /* too few CPUs: no housekeeping apart from the benchmark's */
	assert_int_equal(steps.n, 1);
	assert_int_equal(steps.v[0].status, QB_STATUS_UNSUPPORTED);
	qb_steps_free(&steps);
}

static void test_recycled(void **state)
{
	struct qb_error err = {0};
	struct qb_unit unit;

	need_sandbox();
	make_irq(5, "ff\n", "eth0\n");
	unit = unit_of(5);
	assert_int_equal(qb_lever_exists(QB_LEVER_IRQ, &unit, &err), 0);
	put("sda\n", "/sys/kernel/irq/5/actions");
	assert_int_equal(qb_lever_exists(QB_LEVER_IRQ, &unit, &err), -ENOENT);
}

static int write_mask(unsigned number, const char *mask, struct qb_error *err)
{
	struct qb_unit unit = unit_of(number);
	int r = qb_irq_ops.write(NULL, &unit, mask, err);

	assert_int_equal(next_answer, n_answers); /* neither given up early nor tried for ever */
	return r;
}

static void test_refusals(void **state)
{
	struct qb_error err = {0};

	need_sandbox();
	make_irq(5, "ff\n", "eth0\n");
	kernel_answers(0, 0, EIO);
	assert_int_equal(write_mask(5, "bb", &err), -EOPNOTSUPP);
	assert_string_equal(err.text, QB_IRQ_MANAGED);
	kernel_answers(0, 0, EPERM);
	assert_int_equal(write_mask(5, "bb", &err), -EOPNOTSUPP);
	kernel_answers(2, EBUSY, 0);
	assert_int_equal(write_mask(5, "bb", &err), 0);
	assert_mask(5, "bb");
	kernel_answers(4, EBUSY, EBUSY);
	assert_int_equal(write_mask(5, "01", &err), -EBUSY);
	kernel_answers(0, 0, EINVAL);
	assert_int_equal(write_mask(5, "01", &err), -EINVAL);
	n_answers = next_answer = 0;
	assert_int_equal(chmod("/proc/irq/5/smp_affinity", 0444), 0);
	assert_int_equal(write_mask(5, "01", &err), -EOPNOTSUPP);
}

static void test_vectors_full(void **state)
{
	struct qb_error err = {0};

	need_sandbox();
	kept = "06\n";
	make_irq(5, kept, "eth0\n");
	put("ff\n",
		"/proc/irq/default_smp_affinity"); /* nobody narrowed it: no wider mask is known */
	kernel_answers(0, 0, ENOSPC);
	assert_int_equal(write_mask(5, "02", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "02"));

	put("bb\n", "/proc/irq/default_smp_affinity");
	kernel_answers(1, ENOSPC, ENOSPC); /* once, not for ever */
	assert_int_equal(write_mask(5, "02", &err), -ENOSPC);
	kernel_answers(1, ENOSPC, 0);
	assert_int_equal(write_mask(5, "02", &err), 0);
	assert_mask(5, "bb");

	kept = "bb\n"; /* and back: a restore is exact or fails */
	kernel_answers(0, 0, ENOSPC);
	assert_int_equal(write_mask(5, "06", &err), -ENOSPC);
	assert_mask(5, "bb");
}

static void test_same(void **state)
{
	assert_true(qb_lever_same(QB_LEVER_IRQ, "ff", "00000000,000000ff"));
	assert_false(qb_lever_same(QB_LEVER_IRQ, "ff", "fe"));
	assert_false(qb_lever_same(QB_LEVER_IRQ, "ff", "rubbish"));
	assert_true(qb_lever_same(QB_LEVER_IRQ, "rubbish", "rubbish"));
}

static void test_rebalanced(void **state)
{
	struct qb_steps steps = {0};
	struct qb_step irq = {.lever = QB_LEVER_IRQ, .wanted = "bb"};
	const struct qb_step governor = {.lever = QB_LEVER_GOVERNOR};
	struct qb_step *ban;

	assert_false(qb_lever_ours(&steps, &irq, "01"));
	ban = qb_steps_add(&steps, QB_LEVER_IRQBALANCE_BAN, qb_unit_none(), "none", "+2,6");
	assert_non_null(ban);
	assert_false(qb_lever_ours(&steps, &irq, "01")); /* irqbalance was not told yet */
	ban->intent = true;
	assert_true(qb_lever_ours(&steps, &irq, "01"));
	assert_false(qb_lever_ours(&steps, &irq, "04")); /* irqbalance would not */
	assert_false(qb_lever_ours(&steps, &irq, "00"));
	assert_false(qb_lever_ours(&steps, &irq, "rubbish"));
	assert_false(qb_lever_ours(&steps, &governor, "01"));
	qb_steps_free(&steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_identity, empty_host),
		cmocka_unit_test_setup(test_identity_without_sysfs, empty_host),
		cmocka_unit_test_setup(test_plan, empty_host),
		cmocka_unit_test_setup(test_plan_nothing, empty_host),
		cmocka_unit_test_setup(test_unreadable, empty_host),
		cmocka_unit_test_setup(test_recycled, empty_host),
		cmocka_unit_test_setup(test_refusals, empty_host),
		cmocka_unit_test_setup(test_vectors_full, empty_host),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_rebalanced),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
