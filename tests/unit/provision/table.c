/* SPDX-License-Identifier: GPL-2.0-or-later */
/* src/provision/table.c: what every row must have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <provision/provision.h>
#include <quietbench/lever.h>

static void names_are_found_again(void **state)
{
	for (unsigned i = 0; i < qb_provisions_n; i++)
		assert_int_equal(qb_provision_find(qb_provisions[i].name), i);
	assert_int_equal(qb_provision_find("nosuch"), -1);
	assert_int_equal(qb_provision_find(""), -1);
}

static void rows_have_reason_and_price(void **state)
{
	for (size_t i = 0; i < qb_provisions_n; i++) {
		assert_true(strlen(qb_provisions[i].why) > 10);
		assert_true(strlen(qb_provisions[i].price) > 10);
	}
}

/* A line speaks of one file of the host; its key is the lever's. What lowers security is not there. */
static void lines_are_attributes_of_the_host(void **state)
{
	for (size_t i = 0; i < qb_provisions_n; i++) {
		const struct qb_provision_row *row = &qb_provisions[i];
		const bool line =
			row->kind == QB_PROVISION_SYSCTL || row->kind == QB_PROVISION_TMPFILES;

		assert_int_equal(line, row->lever >= 0);
		assert_int_equal(line, row->text == NULL);
		if (!line)
			continue;
		assert_int_equal(qb_levers[row->lever].unit, QB_UNIT_HOST);
		assert_int_equal(qb_levers[row->lever].key, row->key);
		assert_int_not_equal(qb_levers[row->lever].risk, QB_RISK_EXPOSING);
		assert_null(strchr(qb_levers[row->lever].path, '%'));
		assert_int_equal(strncmp(qb_levers[row->lever].path, "/proc/sys/", 10) == 0,
			row->kind == QB_PROVISION_SYSCTL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_again),
		cmocka_unit_test(rows_have_reason_and_price),
		cmocka_unit_test(lines_are_attributes_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
