/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostshot: everything on a host that conditioning may touch, as sorted `path value` lines; the
 * judge of exact restores.
 *
 *   hostshot >BEFORE; …; hostshot >AFTER; hostshot --compare BEFORE AFTER [IGNORED-PATTERN...]
 *
 * Writable attributes are found by walking the trees, not by a list: a lever that is added later is
 * watched already. Threads come and go by themselves, so a thread (pid, tid, start time, name)
 * counts only if both shots have it. Whatever else changes, appears or vanishes is a difference:
 * --compare prints it and ends with 1 (2 on trouble).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lines {
	char **line;
	size_t count, room;
};

/* A mask of all CPUs in hexadecimal digits and commas */
#define MASK_MAX (CPU_SETSIZE / 4 + CPU_SETSIZE / 32 + 1)

static struct lines shot;
static bool all_cpus; /* affinities are shot with their offline CPUs */

static void die(const char *what, const char *on)
{
	fprintf(stderr, "hostshot: %s %s: %s\n", what, on, strerror(errno));
	exit(2);
}

static void lines_add(struct lines *lines, char *line)
{
	if (lines->count == lines->room) {
		lines->room = lines->room ? 2 * lines->room : 4096;
		lines->line = realloc(lines->line, lines->room * sizeof(*lines->line));
	}
	if (!line || !lines->line)
		die("cannot allocate", "memory");
	lines->line[lines->count++] = line;
}

static int lines_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	va_list args;
	char *line = NULL;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		die("cannot format", format);
	va_end(args);
	lines_add(&shot, line);
}

/* Reads a file's beginning as one line of text; `!ERRNO`, when it refuses, is a value as well. */
static void read_text(int dir, const char *name, char *ret_text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, ret_text, size - 1);

	if (got < 0)
		got = snprintf(ret_text, size, "!%d", errno);
	if (fd >= 0)
		close(fd);
	ret_text[got] = '\0';
	for (ssize_t i = 0; i < got; i++) {
		if (isspace((unsigned char)ret_text[i]))
			ret_text[i] = ' ';
	}
	while (got > 0 && ret_text[got - 1] == ' ')
		ret_text[--got] = '\0';
}

static bool matches_any(const char *name, char *const *patterns)
{
	for (; *patterns; patterns++) {
		if (!fnmatch(*patterns, name, 0))
			return true;
	}
	return false;
}

/* Takes every writable attribute but `skip`, the read-only ones in `also`, perhaps the folders. */
struct walk {
	const char *root;		 /* glob(3), with braces */
	char *const *skip, *const *also; /* patterns of names */
	bool folders;
};

static void walk_tree(const struct walk *walk, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		die("cannot open", path);
	if (walk->folders)
		put("%s/ folder", path);
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		char child[PATH_MAX], text[4096];
		struct stat st;

		if (name[0] == '.' || fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, name); /* sysfs is far less deep */
		if (S_ISDIR(st.st_mode))
			walk_tree(walk, child);
		if (!S_ISREG(st.st_mode) || !(st.st_mode & 0444) || matches_any(name, walk->skip) ||
			(!(st.st_mode & 0222) && !matches_any(name, walk->also)))
			continue;
		read_text(dirfd(dir), name, text, sizeof(text));
		put("%s %s", child, text);
	}
	closedir(dir);
}

static char *const nothing[] = {NULL};
/* (The kernel leaves a clock source by itself when it mistrusts it: tsc-early, hpet.) */
static char *const sysfs_skip[] = {"uevent", "autosuspend_delay_ms", "current_clocksource", NULL};
/*
 * These change by themselves (a slow guest has soft lockups; the scheduler of Linux before 5.13
 * shows its measurements), or are actions.
 */
static char *const sysctl_skip[] = {
	"ns_last_pid", "tainted", "max_newidle_lb_cost", "stat_refresh", "drop_caches", NULL};
/* byte_queue_limits/limit: follows the traffic by itself */
static char *const queue_skip[] = {"limit", NULL};
static char *const irq_skip[] = {"smp_affinity_list", NULL};
static char *const irq_also[] = {"smp_affinity", NULL};
/* Who is in a cgroup is told by the thread; pressure and peaks are measurements. */
static char *const cgroup_skip[] = {"cgroup.procs", "cgroup.threads", "tasks", "*.pressure",
	"*.peak", "*.stat", "*usage*", NULL};
static char *const cgroup_also[] = {
	"cpuset.*effective*", "cpuset.cpus.isolated", "cgroup.controllers", NULL};

static const struct walk walks[] = {
	{"/sys/devices/system/{cpu,node,machinecheck,clocksource}", sysfs_skip, nothing, false},
	{"/sys/devices/virtual/workqueue", sysfs_skip, nothing, false},
	{"/sys/kernel/mm", sysfs_skip, nothing, false},
	{"/sys/class/net/*/queues", queue_skip, nothing, false},
	{"/sys/fs/resctrl", sysfs_skip, nothing, true},
	{"/sys/fs/cgroup", cgroup_skip, cgroup_also, true},
	{"/proc/irq", irq_skip, irq_also, false},
	{"/proc/sys/{kernel,vm}", sysctl_skip, nothing, false},
};

static void shoot_attributes(void)
{
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		glob_t found;

		if (glob(walks[i].root, GLOB_BRACE | GLOB_NOSORT, NULL, &found))
			continue; /* not on this kernel */
		for (size_t j = 0; j < found.gl_pathc; j++)
			walk_tree(&walks[i], found.gl_pathv[j]);
		globfree(&found);
	}
}

/* Our own files: kind, mode, owner and size; contents are the program's business. */
static void shoot_state(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char child[PATH_MAX];
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		put("%s mode=%o owner=%u:%u size=%jd", child, (unsigned)st.st_mode,
			(unsigned)st.st_uid, (unsigned)st.st_gid,
			S_ISREG(st.st_mode) ? (intmax_t)st.st_size : 0);
		if (S_ISDIR(st.st_mode))
			shoot_state(child);
	}
	if (dir)
		closedir(dir);
}

/* Copies the word that follows `key` in the text of /proc/…/status. */
static void status_value(const char *status, const char *key, char *ret_value, size_t size)
{
	const char *at = strstr(status, key);

	at = at ? at + strlen(key) : "";
	snprintf(ret_value, size, "%.*s", (int)strcspn(at, " "), at);
}

/* A worker's name carries what it works on at the moment: "kworker/0:1-events" is "kworker/0:1". */
static void plain_name(char *name)
{
	if (!strncmp(name, "kworker/", 8))
		name[strcspn(name, "-+")] = '\0';
	for (; *name; name++) {
		if (isspace((unsigned char)*name))
			*name = '_';
	}
}

/* Field `number` of proc(5)'s stat; `fields` is its text from field 3 on. */
static const char *stat_field(const char *fields, int number)
{
	while (number-- > 3)
		fields += strcspn(fields, " ") + 1;
	return fields;
}

/* As the kernel holds it, without leading zeros and commas. */
static void shown_mask(const char *status, char *ret_mask, size_t size)
{
	char *to = ret_mask;

	status_value(status, " Cpus_allowed: ", ret_mask, size);
	for (const char *from = ret_mask; *from; from++) {
		if (*from != ',' && (*from != '0' || to != ret_mask))
			*to++ = *from;
	}
	*to = '\0';
}

/* Cut down to the online CPUs; empty if the thread has ended. */
static void online_mask(int tid, const char *id, char *ret_mask)
{
	size_t digits = 0;
	cpu_set_t cpus;

	ret_mask[0] = '\0';
	if (sched_getaffinity(tid, sizeof(cpus), &cpus)) {
		if (errno != ESRCH)
			die("cannot read the affinity of", id);
		return;
	}
	for (int cpu = CPU_SETSIZE - 4; cpu >= 0; cpu -= 4) {
		unsigned digit = 0;

		for (int bit = 0; bit < 4; bit++)
			digit |= CPU_ISSET(cpu + bit, &cpus) ? 1U << bit : 0;
		if (digit || digits)
			ret_mask[digits++] = "0123456789abcdef"[digit];
	}
	ret_mask[digits] = '\0';
}

/*
 * Linux before 6.3 cuts an affinity down to the online CPUs whenever it or a cpuset is set, and
 * then nobody can give a thread its offline ones back: there only the online ones can be compared.
 */
static bool keeps_offline(void)
{
	char status[4096], shown[MASK_MAX], online[MASK_MAX];
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	if (sched_setaffinity(0, sizeof(all), &all))
		die("cannot set the affinity of", "itself");
	read_text(AT_FDCWD, "/proc/self/status", status, sizeof(status));
	shown_mask(status, shown, sizeof(shown));
	online_mask(0, "itself", online);
	return strcmp(shown, online);
}

static void shoot_affinity(const char *id, int tid, const char *status)
{
	char mask[MASK_MAX];

	if (all_cpus)
		shown_mask(status, mask, sizeof(mask));
	else
		online_mask(tid, id, mask);
	if (mask[0])
		put("%s/cpus %s", id, mask);
}

static void shoot_thread(int pid, int tid)
{
	char path[PATH_MAX], stat[1024], status[4096], cgroup[4096], mems[1024], id[512];
	char *name, *end;
	int dir;

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return; /* it has ended */
	read_text(dir, "stat", stat, sizeof(stat));
	read_text(dir, "cgroup", cgroup, sizeof(cgroup));
	read_text(dir, "status", status, sizeof(status));
	close(dir);
	name = strchr(stat, '(');
	end = strrchr(stat, ')');
	if (!name || !end || !end[1] || strchr("ZX", end[2]))
		return; /* it has ended, or is about to */
	*end = '\0';
	plain_name(++name);
	end += 2;
	status_value(status, " Mems_allowed_list: ", mems, sizeof(mems));
	snprintf(id, sizeof(id), "task/%d/%d/%ld/%s", pid, tid, atol(stat_field(end, 22)), name);
	/* The kernel moves its workers between pools and masks as work comes (PF_WQ_WORKER). With a
	 * partition, 6.1 also widens them and what else it has bound itself, such as schedutil's
	 * threads (PF_NO_SETAFFINITY); nobody may put those back. */
	if (!(strtoul(stat_field(end, 9), NULL, 10) & (0x20 | 0x04000000)))
		shoot_affinity(id, tid, status);
	put("%s/mems %s", id, mems);
	put("%s/cgroup %s", id, cgroup);
	put("%s/sched policy=%d nice=%d priority=%d%s", id, atoi(stat_field(end, 41)),
		atoi(stat_field(end, 19)), atoi(stat_field(end, 40)),
		*end == 'T' ? " stopped" : "");
	if (pid == tid && !strncmp(name, "quietbench", 10))
		put("process/%d/%s alive", pid, name);
}

static void shoot_threads(void)
{
	DIR *procs = opendir("/proc");
	struct dirent *proc, *task;

	if (!procs)
		die("cannot open", "/proc");
	while ((proc = readdir(procs))) {
		char path[PATH_MAX];
		int pid = atoi(proc->d_name); /* 0: not a process */
		DIR *tasks;

		if (!pid || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		tasks = opendir(path);
		while (tasks && (task = readdir(tasks))) {
			if (task->d_name[0] != '.')
				shoot_thread(pid, atoi(task->d_name));
		}
		if (tasks)
			closedir(tasks);
	}
	closedir(procs);
}

/* Calls `shoot_line` for each line of a file. */
static void shoot_lines(const char *path, void (*shoot_line)(const char *line))
{
	char line[8192];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		shoot_line(line);
	if (file)
		fclose(file);
}

static void shoot_socket(const char *line)
{
	unsigned flags;
	char path[4096];

	if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %4095s", &flags, path) == 2 && flags & 0x10000)
		put("socket/%s listening", path);
}

/* Without the two ids in front, which a new mount at the old place does not keep. */
static void shoot_mount(const char *line)
{
	char device[64], path[4096], options[1024];

	if (sscanf(line, "%*s %*s %63s %*s %4095s %1023s", device, path, options) == 3)
		put("mount%s %s %s", path, device, options);
}

static void shoot_latency(void)
{
	int32_t limit_us = 0;
	int fd = open("/dev/cpu_dma_latency", O_RDONLY | O_CLOEXEC);

	if (read(fd, &limit_us, sizeof(limit_us)) == (ssize_t)sizeof(limit_us))
		put("/dev/cpu_dma_latency %d", limit_us);
	close(fd);
}

static int shoot(void)
{
	all_cpus = keeps_offline();
	shoot_attributes();
	shoot_state("/run/quietbench");
	shoot_threads();
	shoot_lines("/proc/net/unix", shoot_socket);
	shoot_lines("/proc/self/mountinfo", shoot_mount);
	shoot_latency();
	qsort(shot.line, shot.count, sizeof(*shot.line), lines_order);
	for (size_t i = 0; i < shot.count; i++)
		puts(shot.line[i]);
	return fflush(stdout) || ferror(stdout) ? 2 : 0;
}

static void load(const char *path, struct lines *ret_lines)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		die("cannot open", path);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		lines_add(ret_lines, strdup(line));
	}
	free(line);
	fclose(file);
	qsort(ret_lines->line, ret_lines->count, sizeof(*ret_lines->line), lines_order);
}

static int key_order(const char *a, const char *b)
{
	size_t la = strcspn(a, " "), lb = strcspn(b, " ");
	int order = memcmp(a, b, la < lb ? la : lb);

	return order ? order : (la > lb) - (la < lb);
}

static int compare(const char *before, const char *after, char *const *ignored)
{
	struct lines a = {0}, b = {0};
	size_t i = 0, j = 0, differences = 0;

	load(before, &a);
	load(after, &b);
	if (!a.count || !b.count) {
		fprintf(stderr, "hostshot: %s holds no shot\n", a.count ? after : before);
		return 2;
	}
	while (i < a.count || j < b.count) {
		int order = i == a.count ? 1 : j == b.count ? -1 : key_order(a.line[i], b.line[j]);
		const char *old = order <= 0 ? a.line[i++] : NULL;
		const char *new = order >= 0 ? b.line[j++] : NULL;
		const char *line = old ? old : new;

		if (matches_any(line, ignored) ||
			(old && new ? !strcmp(old, new) : !strncmp(line, "task/", 5)))
			continue;
		differences++;
		if (old && new)
			printf("changed %s ->%s\n", old, new + strcspn(new, " "));
		else
			printf("%s %s\n", old ? "gone" : "new", line);
	}
	return differences != 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return shoot();
	if (argc >= 4 && !strcmp(argv[1], "--compare"))
		return compare(argv[2], argv[3], argv + 4);
	fputs("usage: hostshot | hostshot --compare BEFORE AFTER [IGNORED-PATTERN...]\n", stderr);
	return 2;
}
