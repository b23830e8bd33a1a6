/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * with-host: runs a command in a mount namespace where a substituted host's files, as make-host
 * generates them, lie over the machine's own. What can and cannot be substituted: README.md.
 *
 * The real machine stays out of reach: what is not covered in /sys, /proc/sys and /proc/irq turns
 * read-only, /run is private, and the guard (guard.h) keeps the command from touching processes
 * outside the namespace.
 */
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_FAILED = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

static const char usage[] =
	"Usage: with-host [--pid-ns] DIR COMMAND [ARG...]\n"
	"Runs COMMAND on the host below DIR (see make-host); its changes go into DIR.\n"
	"  --pid-ns   in a PID namespace too: COMMAND sees its own processes only, as in a "
	"container\n";

/* What becomes of the machine's own where DIR has nothing to put in its place. */
enum absent {
	ABSENT_KEEP,
	ABSENT_EMPTY, /* an empty folder over it */
	ABSENT_GONE,  /* not even a folder: hwloc aborts on a node folder without nodes */
};

static const struct {
	const char *path;
	enum absent absent;
} places[] = {
	{"sys/devices/system/cpu", ABSENT_EMPTY},
	{"sys/devices/system/node", ABSENT_GONE},
	{"sys/devices/cpu_core", ABSENT_EMPTY},
	{"sys/devices/cpu_atom", ABSENT_EMPTY},
	{"sys/devices/virtual/workqueue", ABSENT_EMPTY},
	{"sys/devices/virtual/dmi", ABSENT_EMPTY},
	{"sys/class/dmi", ABSENT_EMPTY},
	{"sys/class/net", ABSENT_EMPTY},
	{"sys/hypervisor", ABSENT_EMPTY},
	{"sys/fs/cgroup", ABSENT_EMPTY},
	{"sys/kernel/irq", ABSENT_EMPTY},
	{"sys/kernel/mm", ABSENT_EMPTY},
	{"proc/irq", ABSENT_EMPTY},
	{"proc/interrupts", ABSENT_KEEP},
	{"proc/cmdline", ABSENT_KEEP},
	{"proc/cpuinfo", ABSENT_KEEP},
	{"proc/stat", ABSENT_KEEP},
	{"proc/sys/kernel", ABSENT_KEEP},
	{"proc/sys/vm", ABSENT_KEEP},
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	(void)fputs("with-host: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, ": %s\n", strerror(error));
	exit(STATUS_FAILED);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("write '%s' to %s", text, path);
	(void)close(fd);
}

/* Without root, a user namespace in which the caller is root: its own files stay writable. */
static void enter_namespaces(bool pid_ns)
{
	int flags = CLONE_NEWNS | (pid_ns ? CLONE_NEWPID : 0);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(uid == 0 ? flags : flags | CLONE_NEWUSER) < 0)
		die("unshare namespaces (as root needs CAP_SYS_ADMIN, else unprivileged user "
		    "namespaces)");
	if (uid != 0) {
		write_file("/proc/self/setgroups", "deny");
		(void)snprintf(map, sizeof(map), "0 %u 1", uid);
		write_file("/proc/self/uid_map", map);
		(void)snprintf(map, sizeof(map), "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("make all mounts private");
}

static void set_read_only(const char *path)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		die("make the machine's own %s read-only", path);
}

static void bind_over(const char *source, const char *target)
{
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		die("bind %s over %s", source, target);
}

/* Takes the machine's own mounts away, so that /proc/self/mountinfo does not tell of them. A user
 * namespace may not: there they stay, covered. */
static void unmount_all(const char *target)
{
	while (umount2(target, MNT_DETACH) == 0)
		continue;
}

static void mount_tmpfs(const char *target)
{
	if (mount("with-host", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		die("mount a tmpfs on %s", target);
}

static void shut_machine_off(void)
{
	static const char *const sysctl_like[] = {"/proc/sys", "/proc/irq"};

	set_read_only("/sys");
	for (size_t i = 0; i < sizeof(sysctl_like) / sizeof(sysctl_like[0]); i++) {
		bind_over(sysctl_like[i], sysctl_like[i]);
		set_read_only(sysctl_like[i]);
	}
	/* A latency request would reach the real CPUs, and a plain file would not vanish on close.
	 */
	if (access("/dev/cpu_dma_latency", F_OK) == 0)
		bind_over("/dev/null", "/dev/cpu_dma_latency");
}

/* Makes @path, of the kind of @mode, to be mounted on; it may be there already. */
static int make_point(const char *path, mode_t mode)
{
	int fd;

	if (S_ISDIR(mode))
		return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

/* Gives @entry of folder @from, now covered, its place in what covers it. */
static void show_again(int from, const char *path, const char *entry)
{
	char source[PATH_MAX], target[PATH_MAX], link[PATH_MAX];
	struct stat st;
	ssize_t length;
	int r;

	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d/%s", from, entry);
	(void)snprintf(target, sizeof(target), "%s/%s", path, entry);
	if (fstatat(from, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		die("look at %s", target);
	if (S_ISLNK(st.st_mode)) {
		length = readlinkat(from, entry, link, sizeof(link) - 1);
		if (length < 0)
			die("read link %s", target);
		link[length] = '\0';
		if (symlink(link, target) < 0)
			die("make link %s", target);
		return;
	}
	r = make_point(target, st.st_mode);
	if (r < 0) {
		errno = -r;
		die("make %s", target);
	}
	bind_over(source, target);
}

/* Puts a tmpfs in the place of a sysfs folder, with the same contents but for entry @without (or
 * NULL), so that more can go in. */
static void make_extensible(const char *path, const char *without)
{
	int from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *folder;

	if (from < 0)
		die("open %s", path);
	folder = fdopendir(dup(from));
	if (!folder)
		die("read folder %s", path);
	mount_tmpfs(path);
	for (;;) {
		errno = 0;
		entry = readdir(folder);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			(!without || strcmp(entry->d_name, without) != 0))
			show_again(from, path, entry->d_name);
	}
	if (errno)
		die("read folder %s", path);
	(void)closedir(folder);
	(void)close(from);
}

/* Makes @target, which this machine does not have, for something of @mode to be mounted on. */
static void make_mount_point(char *target, mode_t mode)
{
	char *slash = strrchr(target, '/');
	int r;

	*slash = '\0';
	if (access(target, F_OK) < 0)
		make_mount_point(target, S_IFDIR);
	*slash = '/';
	r = make_point(target, mode);
	if (r < 0 && strncmp(target, "/sys/", 5) == 0) {
		*slash = '\0';
		make_extensible(target, NULL);
		*slash = '/';
		r = make_point(target, mode);
	}
	if (r < 0) {
		errno = -r;
		die("make a place for %s, which this machine does not have", target);
	}
}

static void hide(char *target, enum absent absent)
{
	char *slash = strrchr(target, '/');

	switch (absent) {
	case ABSENT_KEEP: break;
	case ABSENT_EMPTY:
		unmount_all(target);
		mount_tmpfs(target);
		break;
	case ABSENT_GONE:
		*slash = '\0';
		make_extensible(target, slash + 1);
		break;
	}
}

static void substitute(const char *dir)
{
	int host = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char source[PATH_MAX], target[PATH_MAX];
	struct stat st;
	int found = 0;

	if (host < 0)
		die("open host %s", dir);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(source, sizeof(source), "/proc/self/fd/%d/%s", host, places[i].path);
		(void)snprintf(target, sizeof(target), "/%s", places[i].path);
		if (fstatat(host, places[i].path, &st, 0) == 0) {
			if (access(target, F_OK) < 0)
				make_mount_point(target, st.st_mode);
			unmount_all(target);
			bind_over(source, target);
			found++;
		} else if (access(target, F_OK) == 0) {
			hide(target, places[i].absent);
		}
	}
	if (found == 0) {
		errno = ENOENT;
		die("find a host in %s (nothing of it could lie over /sys or /proc; see make-host)",
			dir);
	}
	/* Lock and journal are the host's too: kept where DIR has a run folder, else fresh. */
	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d/run", host);
	if (access(source, F_OK) == 0)
		bind_over(source, "/run");
	else
		mount_tmpfs("/run");
	(void)close(host);
}

__attribute__((noreturn)) static void execute(char **command)
{
	(void)execvp(command[0], command);
	(void)fprintf(stderr, "with-host: execute %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

/* Ends as the process with wait status @status did. */
__attribute__((noreturn)) static void end_like(int status)
{
	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
		_exit(128 + WTERMSIG(status)); /* as PID 1, raise() changes nothing */
	}
	_exit(WEXITSTATUS(status));
}

/* Waits for @child, reaping whatever else becomes ours, and ends as it did. */
__attribute__((noreturn)) static void follow(pid_t child)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			die("wait for %d", child);
	} while (pid != child);
	end_like(status);
}

/* Returns in the namespace's first process; what ends there, or here, ends the whole of it. */
static void become_init(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork the PID namespace's first process");
	if (pid > 0)
		follow(pid);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("tie the PID namespace to this process");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("mount the PID namespace's own /proc");
}

int main(int argc, char **argv)
{
	bool pid_ns = argc > 1 && strcmp(argv[1], "--pid-ns") == 0;
	char **rest = argv + 1 + pid_ns;
	const char *step;
	pid_t pid;
	int r;

	if (argc - pid_ns < 3 || rest[0][0] == '-') {
		(void)fputs(usage, stderr);
		return STATUS_FAILED;
	}
	enter_namespaces(pid_ns);
	if (pid_ns)
		become_init();
	shut_machine_off();
	substitute(rest[0]);
	if (!pid_ns) {
		r = qb_guard_install(&step);
		if (r < 0) {
			errno = -r;
			die("guard this machine's processes: %s", step);
		}
		execute(rest + 1);
	}
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		execute(rest + 1);
	follow(pid);
}
