/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare COMMAND...: what quietbench is measured against. Sets governor, limits, EPP, turbo and the
 * interrupts' masks as the default profile does, runs COMMAND, puts all of it back. It reads every
 * attribute before, after its write and before its undo, and does nothing else: no journal, no
 * plan, no topology, no privilege to keep apart.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU "/sys/devices/system/cpu/"

struct change {
	char path[128], before[256], wanted[256];
};
static struct change *changes;
static size_t n_changes, cap;

static int get(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "bare: %s: not written\n", path);
	if (fd >= 0)
		close(fd);
}

static void change(const char *path, const char *wanted)
{
	struct change *c;

	if (n_changes == cap) {
		cap = cap ? 2 * cap : 256;
		changes = realloc(changes, cap * sizeof(*changes));
		if (!changes)
			exit(1);
	}
	c = &changes[n_changes];
	if (get(path, c->before, sizeof(c->before)) < 0 || strcmp(c->before, wanted) == 0)
		return;
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->wanted, sizeof(c->wanted), "%s", wanted);
	n_changes++;
}

static void policy(const char *name)
{
	static const struct {
		const char *file, *wanted;
	} rows[] = {{"scaling_governor", "performance"},
		{"energy_performance_preference", "performance"}};
	char path[128], base[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(path, sizeof(path), CPU "cpufreq/%.32s/%s", name, rows[i].file);
		change(path, rows[i].wanted);
	}
	snprintf(path, sizeof(path), CPU "cpufreq/%.32s/base_frequency", name);
	if (get(path, base, sizeof(base)) < 0)
		return;
	snprintf(path, sizeof(path), CPU "cpufreq/%.32s/scaling_max_freq", name);
	change(path, base);
	snprintf(path, sizeof(path), CPU "cpufreq/%.32s/scaling_min_freq", name);
	change(path, base);
}

/* All CPUs but the highest: the mask with its top bit cleared. */
static void irq(const char *name)
{
	char path[128], mask[256];

	snprintf(path, sizeof(path), "/proc/irq/%.32s/smp_affinity", name);
	if (get(path, mask, sizeof(mask)) < 0 || mask[0] == '0')
		return;
	mask[0] = mask[0] == 'f' ? '7' : '0';
	change(path, mask);
}

static void each(const char *folder, const char *first, void (*visit)(const char *))
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strchr(first, entry->d_name[0]))
			visit(entry->d_name);
	if (dir)
		closedir(dir);
}

int main(int argc, char **argv)
{
	char text[256];
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	change(CPU "intel_pstate/no_turbo", "1");
	each(CPU "cpufreq", "p", policy);
	each("/proc/irq", "0123456789", irq);
	for (size_t i = 0; i < n_changes; i++) {
		put(changes[i].path, changes[i].wanted);
		get(changes[i].path, text, sizeof(text));
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	for (size_t i = n_changes; i-- > 0;) {
		get(changes[i].path, text, sizeof(text));
		put(changes[i].path, changes[i].before);
		get(changes[i].path, text, sizeof(text));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
