/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provision.h: who hands the kernel its arguments, and the tools that are called for it.
 *
 * GRUB as Debian has it reads /etc/default/grub.d/X.cfg after /etc/default/grub (grub-mkconfig(8)), and update-grub
 * makes it take effect. grubby changes the entries of the Boot Loader Specification itself (grubby(8)). kernel-install(8)
 * takes /etc/kernel/cmdline, where there is one, else /proc/cmdline: the latter has ours once it has booted with them, so
 * the file, if it is ours, becomes what the host had without us before it is removed.
 */
#include "provision_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define LOADER_INFO "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static const struct {
	const char *name, *text, *file;
} loaders[QB_PROVISION_LOADERS] = {
	[QB_PROVISION_PRINT] = {"print",
		"no boot loader that is known here: add the kernel arguments to its configuration by hand",
		NULL},
	[QB_PROVISION_GRUB] = {"grub", "GRUB: " GRUB_FILE ", then update-grub", GRUB_FILE},
	[QB_PROVISION_GRUBBY] = {"grubby", "grubby: the arguments of all kernels' entries", NULL},
	[QB_PROVISION_KERNEL_INSTALL] = {"kernel-install",
		"kernel-install: " CMDLINE_FILE ", then an entry for the running kernel",
		CMDLINE_FILE},
};

const char *qb_provision_loader_name(enum qb_provision_loader loader)
{
	return loaders[loader].name;
}

const char *qb_provision_loader_text(enum qb_provision_loader loader)
{
	return loaders[loader].text;
}

const char *qb_provision_loader_file(enum qb_provision_loader loader)
{
	return loaders[loader].file;
}

/* A tool of the host's, where root's programs are: no environment says where. */
static bool find_tool(const char *name, char *buf, size_t size)
{
	static const char *const folders[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(folders); i++)
		if (qb_text_format(buf, size, "%s/%s", folders[i], name) && access(buf, X_OK) == 0)
			return true;
	return false;
}

/* Did systemd-boot start this kernel? Its variable is UTF-16 behind four bytes of attributes. */
static bool booted_by_systemd_boot(void)
{
	_cleanup_close_ int fd = open(LOADER_INFO, O_RDONLY | O_CLOEXEC);
	static const char name[] = "systemd-boot";
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	size_t found = 0;

	for (ssize_t i = 4; i < n && found < sizeof(name) - 1; i += 2)
		found = text[i] == name[found] ? found + 1 : text[i] == name[0];
	return found == sizeof(name) - 1;
}

/* There are entries that kernel-install keeps, and the file of the arguments is ours to have. */
static bool is_kernel_install(const struct qb_provision *now)
{
	static const char *const entries[] = {
		"/efi/loader/entries", "/boot/loader/entries", "/boot/efi/loader/entries"};

	if (qb_file_exists(CMDLINE_FILE) && !qb_provision_object_of(now, CMDLINE_FILE))
		return false;
	for (size_t i = 0; i < QB_ARRAY_SIZE(entries); i++)
		if (qb_file_exists(entries[i]))
			return true;
	return false;
}

enum qb_provision_loader qb_provision_loader_find(const struct qb_provision *now)
{
	char tool[PATH_MAX];
	const bool install =
		find_tool("kernel-install", tool, sizeof(tool)) && is_kernel_install(now);

	/* What it was applied with can undo it. */
	if (now->known && now->loader != QB_PROVISION_PRINT)
		return now->loader;
	/* Its deployments have arguments of their own (rpm-ostree kargs), whatever tools there are. */
	if (qb_file_exists("/run/ostree-booted"))
		return QB_PROVISION_PRINT;
	if (install && booted_by_systemd_boot())
		return QB_PROVISION_KERNEL_INSTALL;
	if (find_tool("grubby", tool, sizeof(tool)))
		return QB_PROVISION_GRUBBY;
	if (find_tool("update-grub", tool, sizeof(tool)) && qb_file_exists("/etc/default/grub"))
		return QB_PROVISION_GRUB;
	return install ? QB_PROVISION_KERNEL_INSTALL : QB_PROVISION_PRINT;
}

int qb_provision_cmdline(char **ret, struct qb_error *err)
{
	ssize_t n = qb_file_read_all("/proc/cmdline", ret, err);

	if (n < 0)
		return (int)n;
	(*ret)[strcspn(*ret, "\n")] = '\0';
	return 0;
}

/*
 * What the file of ours begins with, or else the arguments with which the host was booted; without those of the
 * loader and ours. (The former lacks what kernel-install adds by itself.)
 */
static int compose_cmdline(const struct qb_provision *plan, const struct qb_provision *now,
	FILE *out, struct qb_error *err)
{
	const struct qb_provision_object *ours = qb_provision_object_of(now, CMDLINE_FILE);
	_cleanup_free_ char *text = ours ? strdup(ours->text) : NULL;
	char *save = NULL;
	int r = ours ? 0 : qb_provision_cmdline(&text, err);

	if (r < 0)
		return r;
	if (!text)
		return qb_error_errno(err, ENOMEM, "read the arguments");
	text[strcspn(text, "\n")] = '\0';
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (strncmp(word, "BOOT_IMAGE=", 11) != 0 && strncmp(word, "initrd=", 7) != 0 &&
			!qb_text_has_word(now->args, word) &&
			!qb_text_has_word(now->was_args, word) &&
			!qb_text_has_word(plan->args, word))
			fprintf(out, "%s ", word);
	fprintf(out, "%s\n", plan->args);
	return 0;
}

int qb_provision_loader_compose(const struct qb_provision *plan, const struct qb_provision *now,
	char **ret, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return qb_error_errno(err, ENOMEM, "write the arguments");
	if (plan->loader == QB_PROVISION_KERNEL_INSTALL)
		r = compose_cmdline(plan, now, out, err);
	else
		fprintf(out,
			"# Written by quietbench provision; quietbench provision undo removes it.\n"
			"GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT %s\"\n",
			plan->args);
	if (fclose(out) != 0 && r == 0)
		r = qb_error_errno(err, ENOMEM, "write the arguments");
	if (r < 0)
		return r;
	*ret = text;
	text = NULL;
	return 0;
}

/* ---- their tools ---- */

/* The last line that it said, for people. */
static void keep_last(const char *said, char *buf, size_t size)
{
	for (const char *line = said; *line;) {
		const size_t n = strcspn(line, "\n");

		if (n)
			qb_text_format(buf, size, "%.*s", (int)n, line);
		line += n + (line[n] == '\n');
	}
	qb_text_one_line(buf);
}

/* Reads what a tool says to its end, and keeps the end of it. */
static void listen(int fd, char *buf, size_t size)
{
	char said[4096] = "", part[2048];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part) - 1)) > 0 || (n < 0 && errno == EINTR)) {
		part[n > 0 ? n : 0] = '\0';
		if (strlen(said) + strlen(part) >= sizeof(said))
			said[0] = '\0';
		qb_text_append(said, sizeof(said), "%s", part);
	}
	keep_last(said, buf, size);
}

/* grub-mkconfig makes the menu's language of LANG: it gets the caller's. */
static int start_tool(const char *path, char *const *argv, int out, pid_t *ret)
{
	char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[64];
	char *environment[] = {path_variable, NULL, NULL};
	const char *lang = getenv("LANG");
	posix_spawn_file_actions_t actions;
	int r;

	if (lang && qb_text_is_word(lang) &&
		qb_text_format(language, sizeof(language), "LANG=%s", lang))
		environment[1] = language;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int run_tool(const char *name, const char *const *arguments, struct qb_error *err)
{
	char path[PATH_MAX], said[256] = "";
	const char *argv[8] = {name};
	int pipe_fds[2], status = 0, r;
	pid_t pid;

	for (size_t i = 0; arguments[i] && i + 2 < QB_ARRAY_SIZE(argv); i++)
		argv[i + 1] = arguments[i];
	if (!find_tool(name, path, sizeof(path)))
		return qb_error_set(err, ENOENT, "%s is not installed (any more)", name);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return qb_error_errno(err, errno, "run %s", name);
	r = start_tool(path, (char *const *)argv, pipe_fds[1], &pid);
	close(pipe_fds[1]);
	if (r == 0) {
		listen(pipe_fds[0], said, sizeof(said));
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(pipe_fds[0]);
	if (r < 0)
		return qb_error_errno(err, -r, "run %s", path);
	if (status == 0)
		return 0;
	if (WIFSIGNALED(status))
		return qb_error_set(
			err, EIO, "%s ended by signal %d: %s", name, WTERMSIG(status), said);
	return qb_error_set(
		err, EIO, "%s ended with status %d: %s", name, WEXITSTATUS(status), said);
}

/* Each time for all kernels; what is not there is not missed when it is removed. */
static int run_grubby(const char *args, const char *was, struct qb_error *err)
{
	char option[2 * QB_PROVISION_TEXT + 32];
	const char *const arguments[] = {"--update-kernel=ALL", option, NULL};
	int r = 0;

	qb_text_format(option, sizeof(option), "--remove-args=%s", was);
	if (*was)
		r = run_tool("grubby", arguments, err);
	qb_text_format(option, sizeof(option), "--args=%s", args);
	if (r == 0 && *args)
		r = run_tool("grubby", arguments, err);
	return r;
}

static int run_kernel_install(struct qb_error *err)
{
	struct utsname name;
	char image[PATH_MAX];
	const char *const arguments[] = {"add", name.release, image, NULL};

	if (uname(&name) < 0)
		return qb_error_errno(err, errno, "ask for the kernel's release");
	qb_text_format(image, sizeof(image), "/usr/lib/modules/%s/vmlinuz", name.release);
	if (!qb_file_exists(image))
		qb_text_format(image, sizeof(image), "/boot/vmlinuz-%s", name.release);
	return run_tool("kernel-install", arguments, err);
}

int qb_provision_loader_run(
	enum qb_provision_loader loader, const char *args, const char *was, struct qb_error *err)
{
	static const char *const none[] = {NULL};

	switch (loader) {
	case QB_PROVISION_PRINT: return 0;
	case QB_PROVISION_GRUB: return run_tool("update-grub", none, err);
	case QB_PROVISION_GRUBBY: return run_grubby(args, was, err);
	case QB_PROVISION_KERNEL_INSTALL: return run_kernel_install(err);
	case QB_PROVISION_LOADERS: break;
	}
	return -EINVAL;
}
