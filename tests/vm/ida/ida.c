/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets CPUID's IDA (turbo) bit on a QEMU machine, which lacks it, so that the stock acpi-cpufreq driver, loaded afterwards,
 * offers `boost` and really writes the turbo-disable bit of MSR_IA32_MISC_ENABLE (which QEMU keeps per CPU).
 */
#include <asm/cpufeature.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init qb_ida_init(void)
{
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_IDA);
	return 0;
}

static void __exit qb_ida_exit(void)
{
}

module_init(qb_ida_init);
module_exit(qb_ida_exit);
MODULE_DESCRIPTION("pretend that a virtual CPU has turbo");
MODULE_LICENSE("GPL");
