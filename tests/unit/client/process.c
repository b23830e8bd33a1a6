/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the benchmark's own process says of its levers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <client/child.h>
#include <cmocka.h>
#include <errno.h>
#include <quietbench/lever.h>

static void core_scheduling_says_why_not(void **state)
{
	static const struct {
		struct qb_process_result result;
		const char *reason;
	} cases[] = {
		{{QB_LEVER_CORE_SCHED, QB_STATUS_APPLIED, 0}, NULL},
		{{QB_LEVER_CORE_SCHED, QB_STATUS_UNSUPPORTED, ENODEV}, QB_PROCESS_NO_SMT},
		{{QB_LEVER_CORE_SCHED, QB_STATUS_UNSUPPORTED, EINVAL},
			"this kernel was built without core scheduling (CONFIG_SCHED_CORE): use "
			"cpus.smt=idle or offline"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		const struct qb_step *step =
			qb_steps_add(&steps, QB_LEVER_CORE_SCHED, qb_unit_none(), NULL, "true");

		qb_process_note(&cases[i].result, 1, &steps);
		assert_int_equal(step->status, cases[i].result.status);
		if (cases[i].reason)
			assert_string_equal(step->reason, cases[i].reason);
		else
			assert_null(step->reason);
	}
}

/* What this kernel answers, whatever it is, is a status with its words. */
static void this_kernel_answers(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	const struct qb_selection selection = {0};
	struct qb_process_result results[QB_PROCESS_LEVERS];
	const struct qb_step *step =
		qb_steps_add(&steps, QB_LEVER_CORE_SCHED, qb_unit_none(), NULL, "true");

	assert_int_equal(qb_process_apply(&steps, &selection, results), 1);
	qb_process_note(results, 1, &steps);
	assert_true(step->status == QB_STATUS_APPLIED ? results[0].code == 0
						      : step->reason && *step->reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_scheduling_says_why_not),
		cmocka_unit_test(this_kernel_answers),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
