/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity.h: the processor's name, and the hypervisor's. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <fcntl.h>
#include <host/identity.h>

#define CPUINFO "/proc/cpuinfo"

/*
 * The value of "key : value" in the lines from *at on, or NULL; *at moves behind it. The text is
 * changed: the value is cut out of it.
 */
static char *next_value(char **at, const char *key)
{
	size_t length = strlen(key);

	while (*at && **at) {
		char *line = *at, *end = strchr(line, '\n'), *value;

		*at = end ? end + 1 : line + strlen(line);
		if (strncmp(line, key, length) != 0)
			continue;
		value = line + length + strspn(line + length, " \t");
		if (*value != ':')
			continue;
		if (end)
			*end = '\0';
		value++;
		return value + strspn(value, " \t");
	}
	return NULL;
}

/* The cores that arm machines people benchmark on are made of: MIDR implementer and part. */
static const struct arm_part {
	unsigned implementer, part;
	const char *name;
} arm_parts[] = {
	{0x41, 0xd03, "Cortex-A53"},
	{0x41, 0xd05, "Cortex-A55"},
	{0x41, 0xd07, "Cortex-A57"},
	{0x41, 0xd08, "Cortex-A72"},
	{0x41, 0xd09, "Cortex-A73"},
	{0x41, 0xd0b, "Cortex-A76"},
	{0x41, 0xd0c, "Neoverse-N1"},
	{0x41, 0xd40, "Neoverse-V1"},
	{0x41, 0xd41, "Cortex-A78"},
	{0x41, 0xd44, "Cortex-X1"},
	{0x41, 0xd46, "Cortex-A510"},
	{0x41, 0xd47, "Cortex-A710"},
	{0x41, 0xd48, "Cortex-X2"},
	{0x41, 0xd49, "Neoverse-N2"},
	{0x41, 0xd4d, "Cortex-A715"},
	{0x41, 0xd4e, "Cortex-X3"},
	{0x41, 0xd4f, "Neoverse-V2"},
	{0x41, 0xd80, "Cortex-A520"},
	{0x41, 0xd81, "Cortex-A720"},
	{0x41, 0xd82, "Cortex-X4"},
	{0x41, 0xd84, "Neoverse-V3"},
	{0x41, 0xd8e, "Neoverse-N3"},
	{0x43, 0x0af, "ThunderX2"},
	{0x46, 0x001, "A64FX"},
	{0x48, 0xd01, "Kunpeng-920"},
	{0xc0, 0xac3, "Ampere-1"},
	{0xc0, 0xac4, "Ampere-1a"},
};

static void arm_part_name(unsigned implementer, unsigned part, char *buf, size_t size)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(arm_parts); i++)
		if (arm_parts[i].implementer == implementer && arm_parts[i].part == part) {
			qb_text_copy(buf, size, arm_parts[i].name);
			return;
		}
	qb_text_format(buf, size, "arm core %#04x/%#05x", implementer, part);
}

/* Every kind of core once, in the order of the CPUs: "Cortex-A510 + Cortex-X3". */
static void arm_model(char *cpuinfo, char *buf, size_t size)
{
	char *at = cpuinfo, *value;
	size_t used = 0;

	while ((value = next_value(&at, "CPU implementer"))) {
		unsigned long implementer = strtoul(value, NULL, 16);
		char name[40];

		value = next_value(&at, "CPU part");
		if (!value)
			return;
		arm_part_name((unsigned)implementer, (unsigned)strtoul(value, NULL, 16), name,
			sizeof(name));
		if (strstr(buf, name))
			continue;
		if (used + strlen(name) + 4 > size)
			return;
		qb_text_format(buf + used, size - used, "%s%s", used ? " + " : "", name);
		used = strlen(buf);
	}
}

void qb_identity_parse_model(char *cpuinfo, char *buf, size_t size)
{
	/* x86, loongarch, riscv, power */
	static const char *const keys[] = {"model name", "Model Name", "uarch", "cpu"};

	buf[0] = '\0';
	for (size_t i = 0; i < QB_ARRAY_SIZE(keys) && !buf[0]; i++) {
		char *at = cpuinfo, *value = next_value(&at, keys[i]);

		if (value)
			qb_text_copy(buf, size, value);
	}
	if (!buf[0])
		arm_model(cpuinfo, buf, size);
	qb_text_printable(buf);
}

void qb_identity_cpu_model(char *buf, size_t size)
{
	_cleanup_free_ char *cpuinfo = NULL;

	buf[0] = '\0';
	if (qb_file_read_all(CPUINFO, &cpuinfo, NULL) >= 0)
		qb_identity_parse_model(cpuinfo, buf, size);
}

/* Of an arm core's MIDR: implementer in bits 31-24, part in bits 15-4. */
static uint32_t design(unsigned long implementer, unsigned long part)
{
	return (uint32_t)((implementer & 0xff) << 12 | (part & 0xfff));
}

/* MIDR_EL1 as the kernel shows it of each CPU that is online. */
static uint32_t design_of_register(unsigned cpu)
{
	char path[96], text[32];
	unsigned long long midr;
	char *end;

	qb_text_format(path, sizeof(path),
		"/sys/devices/system/cpu/cpu%u/regs/identification/midr_el1", cpu);
	if (qb_file_read(path, text, sizeof(text), NULL) < 0)
		return 0;
	midr = strtoull(text, &end, 16);
	return end == text ? 0 : design((unsigned long)(midr >> 24), (unsigned long)(midr >> 4));
}

void qb_identity_core_designs(const struct qb_cpus *cpus, uint32_t *ret)
{
	_cleanup_free_ char *cpuinfo = NULL;
	unsigned long implementer = 0, processor = QB_CPUS_MAX;
	char *save = NULL, *line = NULL;

	memset(ret, 0, QB_CPUS_MAX * sizeof(*ret));
	if (qb_file_read_all(CPUINFO, &cpuinfo, NULL) >= 0)
		line = strtok_r(cpuinfo, "\n", &save);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		char *at[] = {line, line, line}, *value;

		if ((value = next_value(&at[0], "processor")))
			processor = strtoul(value, NULL, 10);
		else if ((value = next_value(&at[1], "CPU implementer")))
			implementer = strtoul(value, NULL, 16);
		else if ((value = next_value(&at[2], "CPU part")) && processor < QB_CPUS_MAX)
			ret[processor] = design(implementer, strtoul(value, NULL, 16));
	}
	qb_cpus_foreach (cpu, cpus) {
		if (!ret[cpu])
			ret[cpu] = design_of_register(cpu);
		if (!ret[cpu])
			return; /* not the kernel of an arm machine */
	}
}

/* The flag by which a hypervisor makes itself known on x86. */
static bool cpu_says_hypervisor(bool *ret_x86)
{
	_cleanup_free_ char *cpuinfo = NULL;
	char *at, *flags;

	*ret_x86 = false;
	if (qb_file_read_all(CPUINFO, &cpuinfo, NULL) < 0)
		return false;
	at = cpuinfo;
	flags = next_value(&at, "flags");
	*ret_x86 = flags != NULL;
	return flags && qb_text_has_word(flags, "hypervisor");
}

bool qb_identity_x86(void)
{
	bool x86;

	cpu_says_hypervisor(&x86);
	return x86;
}

/* Does the file hold this text? Device-tree files hold NULs between words, hence no qb_file_read.
 */
static bool file_holds(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[512];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	return n > 0 && memmem(buf, (size_t)n, text, strlen(text));
}

/* What only that hypervisor's guests show, the surest first. */
static const struct trace {
	const char *path, *text, *name;
	bool proof; /* alone enough; else it only names a hypervisor that is known to be there */
} traces[] = {
	{"/sys/hypervisor/type", "xen", "Xen", true},
	{"/proc/device-tree/hypervisor/compatible", "linux,kvm", "KVM", true},
	{"/proc/device-tree/hypervisor/compatible", "xen", "Xen", true},
	{"/proc/device-tree/hypervisor/compatible", "vmware", "VMware", true},
	{"/proc/device-tree/compatible", "linux,dummy-virt", "QEMU", true},
	{"/proc/device-tree/compatible", "qemu,pseries", "QEMU", true},
	{"/sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock", "KVM",
		true},
	{"/sys/devices/system/clocksource/clocksource0/available_clocksource", "hyperv_clocksource",
		"Hyper-V", true},
	{"/sys/class/dmi/id/product_name", "KVM", "KVM", true},
	{"/sys/class/dmi/id/product_name", "Google Compute Engine", "KVM", false},
	{"/sys/class/dmi/id/product_name", "OpenStack", "KVM", true},
	{"/sys/class/dmi/id/product_name", "VMware", "VMware", true},
	{"/sys/class/dmi/id/product_name", "VirtualBox", "VirtualBox", true},
	{"/sys/class/dmi/id/product_name", "Apple Virtualization", "Apple Virtualization", true},
	{"/sys/class/dmi/id/product_name", "BHYVE", "bhyve", true},
	{"/sys/class/dmi/id/product_name", "Parallels", "Parallels", true},
	{"/sys/class/dmi/id/sys_vendor", "QEMU", "QEMU", true},
	{"/sys/class/dmi/id/sys_vendor", "VMware", "VMware", true},
	{"/sys/class/dmi/id/sys_vendor", "Xen", "Xen", true},
	{"/sys/class/dmi/id/sys_vendor", "Amazon EC2", "KVM", false}, /* also on *.metal */
	/* Hyper-V's whole name is a part of other names: "QEMU Virtual Machine". */
	{"/sys/class/dmi/id/product_name", "Virtual Machine", "Hyper-V", true},
};

bool qb_identity_guest(char *buf, size_t size)
{
	bool x86, flag = cpu_says_hypervisor(&x86);

	buf[0] = '\0';
	/* Every x86 hypervisor sets the flag: without it, DMI talks of something else. */
	if (x86 && !flag)
		return false;
	for (size_t i = 0; i < QB_ARRAY_SIZE(traces); i++)
		if ((flag || traces[i].proof) && file_holds(traces[i].path, traces[i].text)) {
			qb_text_copy(buf, size, traces[i].name);
			return true;
		}
	/* Nitro guests on arm: only the metal instances name themselves so. */
	if (!x86 && file_holds("/sys/class/dmi/id/sys_vendor", "Amazon EC2") &&
		!file_holds("/sys/class/dmi/id/product_name", ".metal")) {
		qb_text_copy(buf, size, "KVM");
		return true;
	}
	return flag;
}
