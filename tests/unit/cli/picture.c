/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture of `quietbench topology`, as it stands on the screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cli/picture.h>
#include <cmocka.h>

static struct qb_pu pus[1024];
static struct qb_host host;
static struct qb_selection selection;

static void begin(
	const char *model, const char *bench, const char *reserved, const char *housekeeping)
{
	memset(&host, 0, sizeof(host));
	memset(&selection, 0, sizeof(selection));
	snprintf(host.cpu_model, sizeof(host.cpu_model), "%s", model);
	snprintf(selection.why, sizeof(selection.why), "1 core, away from boot CPU 0");
	assert_int_equal(qb_cpus_parse_list(bench, &selection.bench), 0);
	assert_int_equal(qb_cpus_parse_list(reserved, &selection.reserved), 0);
	assert_int_equal(qb_cpus_parse_list(housekeeping, &selection.housekeeping), 0);
	host.packages = host.nodes = host.kinds = 1;
}

static void add(unsigned cpu, int core, int package, int l3, uint32_t l3_kib)
{
	pus[host.cpus++] = (struct qb_pu){.cpu = (uint16_t)cpu,
		.core = (int16_t)core,
		.package = (int16_t)package,
		.node = (int16_t)package,
		.l2 = (int16_t)core,
		.l3 = (int16_t)l3,
		.os_core = core,
		.os_package = package,
		.os_node = package,
		.l2_kib = 1280,
		.l3_kib = l3_kib};
	host.cores = (unsigned)core + 1 > host.cores ? (unsigned)core + 1 : host.cores;
}

static void expect(struct qb_picture picture, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	picture.host = &host;
	picture.pus = pus;
	picture.n = host.cpus;
	picture.selection = &selection;
	assert_int_equal(qb_picture_draw(&picture, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

#define LEGEND "[n] runs the benchmark   (n) sibling, kept idle   n housekeeping\n\n"

static void one_cpu(void **state)
{
	begin("Example", "0", "", "0");
	add(0, 0, 0, 0, 512);
	host.guest = 1;
	snprintf(host.hypervisor, sizeof(host.hypervisor), "KVM");
	snprintf(selection.note, sizeof(selection.note), "this host has one CPU");
	expect((struct qb_picture){.utf8 = true},
		"Example\n"
		"1 package, 1 NUMA node, 1 core, 1 CPU; the boot CPU is 0\n"
		"a guest of KVM: cores, siblings and caches are what the hypervisor says\n"
		"┌ package 0, node 0 ────────────────────────┐\n"
		"│  L3 512 KiB, 1 core, L2 1.25 MiB per core │\n"
		"│   │[0]│                                   │\n"
		"└───────────────────────────────────────────┘\n" LEGEND "benchmark    0\n"
		"housekeeping 0\n"
		"why          1 core, away from boot CPU 0\n"
		"but          this host has one CPU\n");
}

static void laptop(void)
{
	begin("Example", "3", "7", "0-2,4-6");
	for (unsigned cpu = 0; cpu < 8; cpu++)
		add(cpu, (int)cpu % 4, 0, 0, 12288);
}

static void siblings_share_a_cell(void **state)
{
	laptop();
	expect((struct qb_picture){.utf8 = true},
		"Example\n"
		"1 package, 1 NUMA node, 4 cores, 8 CPUs; the boot CPU is 0\n"
		"┌ package 0, node 0 ────────────────────────┐\n"
		"│  L3 12 MiB, 4 cores, L2 1.25 MiB per core │\n"
		"│   │ 0  4 │ 1  5 │ 2  6 │[3](7)│           │\n"
		"└───────────────────────────────────────────┘\n" LEGEND "benchmark    3\n"
		"kept idle    7\n"
		"housekeeping 0-2,4-6\n"
		"why          1 core, away from boot CPU 0\n");
}

static void plain_ascii_in_colour(void **state)
{
	laptop();
	expect((struct qb_picture){.colour = true},
		"\033[1mExample\033[0m\n"
		"1 package, 1 NUMA node, 4 cores, 8 CPUs; the boot CPU is 0\n"
		"+ package 0, node 0 ------------------------+\n"
		"|  L3 12 MiB, 4 cores, L2 1.25 MiB per core |\n"
		"|   | 0  4 | 1  5 | 2  6 |\033[1;32m[3]\033[0m\033[33m(7)\033[0m|           |\n"
		"+-------------------------------------------+\n" LEGEND
		"\033[1;32mbenchmark    \033[0m3\n"
		"\033[33mkept idle    \033[0m7\n"
		"housekeeping 0-2,4-6\n"
		"why          1 core, away from boot CPU 0\n");
}

static void kinds_have_rows_of_their_own(void **state)
{
	begin("", "2", "3", "0-1,4-7");
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		add(cpu, cpu < 4 ? (int)cpu / 2 : (int)cpu - 2, 0, 0, 24576);
		pus[cpu].kind = cpu < 4;
		pus[cpu].l2 = cpu < 4 ? (int16_t)(cpu / 2) : 2;
	}
	host.kinds = 2;
	expect((struct qb_picture){0},
		"1 package, 1 NUMA node, 6 cores, 8 CPUs, 2 kinds of core; the boot CPU is 0\n"
		"+ package 0, node 0 ------------------------------------+\n"
		"|  L3 24 MiB, 2 performance cores, L2 1.25 MiB per core |\n"
		"|   | 0  1 |[2](3)|                                     |\n"
		"|  same L3, 4 efficiency cores, L2 1.25 MiB per 4 cores |\n"
		"|   | 4 | 5 | 6 | 7 |                                   |\n"
		"+-------------------------------------------------------+\n" LEGEND
		"benchmark    2\n"
		"kept idle    3\n"
		"housekeeping 0-1,4-7\n"
		"why          1 core, away from boot CPU 0\n");
}

static void server(void)
{
	for (unsigned cpu = 0; cpu < 384; cpu++) {
		int core = (int)cpu % 192;

		add(cpu, core, core / 96, core / 8, 32768);
	}
	host.packages = host.nodes = 2;
}

static void a_big_host_fits_on_a_screen(void **state)
{
	begin("Example", "191", "383", "0-190,192-382");
	server();
	expect((struct qb_picture){0},
		"Example\n"
		"2 packages, 2 NUMA nodes, 192 cores, 384 CPUs; the boot CPU is 0\n"
		"+ package 0, node 0 ----------------------------------------------------+\n"
		"|  12 x L3 32 MiB, 8 cores each, L2 1.25 MiB per core                   |\n"
		"|    housekeeping 0-95,192-287                                          |\n"
		"+-----------------------------------------------------------------------+\n"
		"+ package 1, node 1 ----------------------------------------------------+\n"
		"|  11 x L3 32 MiB, 8 cores each, L2 1.25 MiB per core                   |\n"
		"|    housekeeping 96-183,288-375                                        |\n"
		"|  L3 32 MiB, 8 cores, L2 1.25 MiB per core                             |\n"
		"|   | 184  376 | 185  377 | 186  378 | 187  379 | 188  380 | 189  381 | |\n"
		"|   | 190  382 |[191](383)|                                             |\n"
		"+-----------------------------------------------------------------------+\n" LEGEND
		"benchmark    191\n"
		"kept idle    383\n"
		"housekeeping 0-190,192-382\n"
		"why          1 core, away from boot CPU 0\n");
}

static void rows_fold_by_role_and_packages_when_alike(void **state)
{
	begin("", "0-191", "", "0-383");
	server();
	expect((struct qb_picture){0},
		"2 packages, 2 NUMA nodes, 192 cores, 384 CPUs; the boot CPU is 0\n"
		"+ packages 0-1, nodes 0-1 ----------------------------+\n"
		"|  24 x L3 32 MiB, 8 cores each, L2 1.25 MiB per core |\n"
		"|    housekeeping 192-383                             |\n"
		"|    [benchmark]  0-191                               |\n"
		"+-----------------------------------------------------+\n" LEGEND
		"benchmark    0-191\n"
		"housekeeping 0-383\n"
		"why          1 core, away from boot CPU 0\n");
}

static void narrow_terminals_wrap(void **state)
{
	begin("", "7", "", "0,2,4,6,8,10,12,14,16,18,20");
	for (unsigned cpu = 0; cpu < 12; cpu++)
		add(cpu, (int)cpu, 0, -1, 0);
	for (unsigned cpu = 0; cpu < 12; cpu++)
		pus[cpu].l2_kib = 0;
	host.nodes = 2;
	expect((struct qb_picture){.width = 10},
		"1 package, 2 NUMA nodes (1 without CPUs), 12 cores, 12 CPUs; the boot CPU is 0\n"
		"+ package 0, node 0 ----------------+\n"
		"|  no L3, 12 cores                  |\n"
		"|   |  0 |  1 |  2 |  3 |  4 |  5 | |\n"
		"|   |  6 | [7]|  8 |  9 | 10 | 11 | |\n"
		"+-----------------------------------+\n" LEGEND "benchmark    7\n"
		"housekeeping 0,2,4,6,8,10,12,14,16,\n"
		"             18,20\n"
		"why          1 core, away from boot\n"
		"             CPU 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cpu),
		cmocka_unit_test(siblings_share_a_cell),
		cmocka_unit_test(plain_ascii_in_colour),
		cmocka_unit_test(kinds_have_rows_of_their_own),
		cmocka_unit_test(a_big_host_fits_on_a_screen),
		cmocka_unit_test(rows_fold_by_role_and_packages_when_alike),
		cmocka_unit_test(narrow_terminals_wrap),
	};

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
