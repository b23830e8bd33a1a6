/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-planner: lies in quietbench-planner's place and does what the file `planner-does` beside it says. The monitor must
 * believe none of it.
 */
#include <base/macros.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <planner/planner.h>
#include <quietbench/lever.h>
#include <quietbench/protocol.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static struct qb_message asked;

static void send_bytes(const void *bytes, size_t size)
{
	if (send(0, bytes, size, MSG_NOSIGNAL) < 0)
		_exit(1);
}

/* Benchmark on CPU 1, housekeeping on CPU 0: what a host of two CPUs gives. */
static struct qb_selection_message sensible(void)
{
	struct qb_selection_message body = {.selection.isolation = QB_ISOLATION_NONE};

	qb_cpus_add(&body.selection.bench, 1);
	qb_cpus_add(&body.selection.housekeeping, 0);
	return body;
}

static void choose(struct qb_selection_message *body)
{
	qb_message_send(0, QB_MSG_SELECTION, body, sizeof(*body), NULL, 0);
}

/* A whole plan with one step of our own. */
static void plan(unsigned lever, struct qb_unit unit, const char *wanted)
{
	static struct qb_profile_message profile;
	struct qb_selection_message body = sensible();
	struct qb_steps steps = {0};
	struct qb_step *step = qb_steps_add(&steps, lever, unit, "forged", wanted);

	memset(&profile, 'A', sizeof(profile)); /* no string ends */
	qb_message_send(0, QB_MSG_PROFILE, &profile, sizeof(profile), NULL, 0);
	choose(&body);
	if (step)
		step->status = QB_STATUS_PLANNED;
	qb_message_send_steps(0, &steps);
	qb_message_send_done(0, QB_MSG_PLAN);
}

/* Everything that a process may be asked about itself, in one line. */
static void report(void)
{
	char line[256], text[QB_ERROR_MAX] = "";
	const char *const wanted[] = {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapBnd:",
		"CapInh:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Umask:"};
	struct qb_error err = {.code = EPERM};
	size_t used = 0;
	extern char **environ;
	FILE *status = fopen("/proc/self/status", "re");
	DIR *fds;
	struct rlimit core, file, memory, cpu;

	while (status && fgets(line, sizeof(line), status))
		for (size_t i = 0; i < QB_ARRAY_SIZE(wanted); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) {
				for (char *c = line; *c; c++)
					if (*c == '\t' || *c == '\n')
						*c = ' ';
				used += (size_t)snprintf(
					text + used, sizeof(text) - used, "%s", line);
			}
	if (status)
		(void)fclose(status);
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_FSIZE, &file);
	getrlimit(RLIMIT_AS, &memory);
	getrlimit(RLIMIT_CPU, &cpu);
	used += (size_t)snprintf(text + used, sizeof(text) - used,
		"environment %d limits %lu %lu %lu %lu cwd %s fds", environ && *environ,
		core.rlim_max, file.rlim_max, memory.rlim_max >> 20, cpu.rlim_max,
		getcwd(line, sizeof(line)));
	fds = opendir("/proc/self/fd");
	for (const struct dirent *entry; fds && (entry = readdir(fds));)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(fds))
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, " %s", entry->d_name);
	if (fds)
		closedir(fds);
	snprintf(err.text, sizeof(err.text), "%s", text);
	qb_message_send_error(0, &err);
}

static void flood(void)
{
	struct qb_steps steps = {0};

	qb_steps_add(&steps, QB_LEVER_GOVERNOR, qb_unit_number(0), NULL, "performance");
	for (;;)
		if (qb_message_send_steps(0, &steps) < 0)
			_exit(1);
}

static void drip(void)
{
	struct qb_selection_message body = sensible();

	for (;;) {
		choose(&body);
		usleep(200000);
	}
}

static void contradict(void)
{
	struct qb_selection_message body = sensible();

	qb_cpus_add(&body.selection.housekeeping, 1);
	body.selection.isolation = QB_ISOLATION_AFFINITY;
	choose(&body);
	qb_message_send_done(0, QB_MSG_PLAN);
}

static void honest(void)
{
	struct qb_selection_message body = sensible();

	choose(&body);
	qb_message_send_done(0, QB_MSG_PLAN);
}

static void trespass(void)
{
	struct qb_selection_message body = sensible();

	qb_cpus_add(&body.selection.bench, 0);
	choose(&body);
	qb_message_send_done(0, QB_MSG_PLAN);
}

static void unknown_lever(void)
{
	struct {
		struct qb_message_head head;
		uint32_t length;
		unsigned char step[64];
	} body = {.head = {QB_MESSAGE_MAGIC, QB_PROTOCOL_VERSION, QB_MSG_STEP}, .length = 64};

	memset(body.step, 0xff, sizeof(body.step));
	send_bytes(&body, sizeof(body));
	qb_message_send_done(0, QB_MSG_PLAN);
}

static void long_value(void)
{
	static char value[QB_TEXT_MAX];

	memset(value, '9', sizeof(value) - 1);
	plan(QB_LEVER_GOVERNOR, qb_unit_number(0), value);
}

static void value_path(void)
{
	plan(QB_LEVER_GOVERNOR, qb_unit_number(0), "../../../../etc/passwd");
}

static void unit_path(void)
{
	struct qb_unit unit = qb_unit_none();

	snprintf(unit.name, sizeof(unit.name), "../../../../tmp");
	plan(QB_LEVER_WORKQUEUE, unit, "1");
}

static void unit_number(void)
{
	plan(QB_LEVER_GOVERNOR, qb_unit_number(4000000000u), "performance");
}

static void other_version(void)
{
	send_bytes(&(struct qb_message_head){QB_MESSAGE_MAGIC, 99, QB_MSG_DONE},
		sizeof(struct qb_message_head));
}

static void oversized(void)
{
	static char bytes[QB_MESSAGE_MAX + 4096];

	send_bytes(bytes, sizeof(bytes));
}

static void foreign_type(void)
{
	struct qb_message_head head;

	qb_message_send(0, QB_MSG_BYE, &head, sizeof(head), NULL, 0);
}

static void crash(void)
{
	raise(SIGSEGV);
}

static void hang(void)
{
	for (;;) /* pause(2) is not among what the helper leaves its planner */
		sleep(1);
}

static void nothing(void)
{
}

/* ---- what the real one gives up, tried ---- */

static long none[8]; /* a pointer to zeroes */

#define TRY(call, ...)                                                                             \
	{                                                                                          \
#call, SYS_##call,                                                                 \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
static const struct {
	const char *name;
	long number, argument[6];
} tries[] = {TRY(unshare, CLONE_NEWUSER), TRY(chroot, (long)"/"), TRY(setns, 0, 0),
	TRY(prlimit64, 0, RLIMIT_CORE, (long)none, 0), TRY(setrlimit, RLIMIT_CORE, (long)none),
	TRY(ptrace, PTRACE_TRACEME), TRY(process_vm_readv, 1, (long)none, 1, (long)none, 1),
	TRY(process_vm_writev, 1, (long)none, 1, (long)none, 1), TRY(clone, SIGCHLD),
	TRY(clone3, (long)none, 64), TRY(execve, (long)"/bin/true", 0, 0),
	TRY(execveat, 3, (long)"", 0, 0, AT_EMPTY_PATH), TRY(socket, AF_UNIX, SOCK_STREAM, 0),
	TRY(socket, AF_INET, SOCK_STREAM, 0), TRY(socketpair, AF_UNIX, SOCK_STREAM, 0, (long)none),
	TRY(connect, 0, (long)none, 16), TRY(bind, 0, (long)none, 16), TRY(kill, 1, 0),
	TRY(tgkill, 1, 1, 0), TRY(pidfd_open, 1, 0), TRY(setresuid, 0, 0, 0), TRY(setgroups, 0, 0),
	TRY(capset, (long)none, 0), TRY(prctl, PR_SET_DUMPABLE, 1), TRY(personality, 0),
	TRY(mount, 0, (long)"/", 0, 0, 0), TRY(umount2, (long)"/", 0),
	TRY(mkdirat, -100, (long)"x", 0), TRY(unlinkat, -100, (long)"x", 0),
	TRY(renameat2, -100, (long)"x", -100, (long)"y", 0), TRY(memfd_create, (long)"x", 0),
	TRY(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0),
	TRY(add_key, (long)"user", (long)"x", (long)"y", 1, -1), TRY(bpf, 0, (long)none, 8),
	TRY(perf_event_open, (long)none, 0, -1, -1, 0), TRY(sched_setaffinity, 0, 8, (long)none),
	TRY(setpriority, 0, 0, 0), TRY(io_uring_setup, 1, (long)none), TRY(userfaultfd, 0),
	TRY(timer_create, 0, 0, (long)none), TRY(setsid, 0)};

/* Names each call that came back. The filter ends who breaks it: so each is tried by a child. */
static void forbidden(void)
{
	struct qb_error err = {.code = EPERM, .text = "came back:"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(tries); i++) {
		const long *a = tries[i].argument;
		size_t used = strlen(err.text);
		int status;
		pid_t child = fork();

		if (child == 0) {
			if (qb_sandbox_enter(false, &err) == 0)
				syscall(tries[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
			_exit(0);
		}
		waitpid(child, &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			snprintf(err.text + used, sizeof(err.text) - used, " %s", tries[i].name);
	}
	/* To write is refused: libraries try that. */
	if (qb_sandbox_enter(false, &err) < 0 || open("/dev/null", O_WRONLY) >= 0 ||
		errno != EACCES)
		snprintf(err.text, sizeof(err.text), "a file was opened for writing");
	qb_message_send_error(0, &err);
}

/* Sits there, as a real one would with a request before it, to be looked at. */
static void sit(void)
{
	if (qb_sandbox_enter(false, NULL) == 0)
		qb_message_receive(0, QB_SENDER_CLIENT, &asked, NULL);
}

/* In a watcher's place: it has no end of what it saw, a little at a time. */
static void chatter(void)
{
	static struct qb_switches_message nobody;
	static struct qb_message end;
	int r = qb_message_send_done(0, QB_MSG_FOLLOW);

	if (r < 0 || qb_message_receive(0, QB_SENDER_CLIENT, &end, NULL) <= 0)
		return;
	prctl(PR_SET_NAME, "chatter", 0, 0, 0); /* for who waits until it does */
	while (qb_message_send(0, QB_MSG_SWITCHES, &nobody, sizeof(nobody), NULL, 0) == 0)
		usleep(100000);
}

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {{"report", report}, {"flood", flood}, {"drip", drip}, {"contradict", contradict},
	{"honest", honest}, {"trespass", trespass}, {"unknown-lever", unknown_lever},
	{"long-value", long_value}, {"value-path", value_path}, {"unit-path", unit_path},
	{"unit-number", unit_number}, {"other-version", other_version}, {"oversized", oversized},
	{"foreign-type", foreign_type}, {"crash", crash}, {"hang", hang}, {"nothing", nothing},
	{"forbidden", forbidden}, {"sit", sit}, {"chatter", chatter}};

int main(void)
{
	char self[4096], name[32] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 32);
	FILE *file;

	self[n > 0 ? n : 0] = '\0';
	snprintf(strrchr(self, '/'), 32, "/planner-does");
	file = fopen(self, "re");
	if (!file || !fgets(name, sizeof(name), file) || fclose(file) != 0)
		return 1;
	name[strcspn(name, "\n")] = '\0';
	if (qb_message_receive(0, QB_SENDER_CLIENT, &asked, NULL) <= 0)
		return 1;
	for (size_t i = 0; i < QB_ARRAY_SIZE(acts); i++)
		if (strcmp(acts[i].name, name) == 0)
			acts[i].act();
	return 0;
}
