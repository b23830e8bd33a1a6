/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privilege.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/privilege.h>
#include <client/spawn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <quietbench/journal.h>
#include <quietbench/protocol.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define EXIT_NO_PROGRAM 127
#define UNIT		"quietbench.socket"

/*
 * Says BYE at once and waits for the end of the conversation. What the helper says, if anything,
 * goes to `why`: then it has refused.
 */
static void converse(int fd, char *why, size_t size)
{
	static struct qb_message message;
	struct qb_message_head bye;
	int r;

	/* There is no other way to report it: the exit status tells. */
	(void)qb_message_send(fd, QB_MSG_BYE, &bye, sizeof(bye), NULL, 0);
	/* A helper that refuses ends without having read BYE: the reset comes before its words. */
	do {
		r = qb_message_receive(fd, QB_SENDER_HELPER, &message, NULL);
		if (r > 0 && message.head.type == QB_MSG_ERROR)
			qb_text_copy(why, size, message.error.text);
		if (r > 0)
			qb_message_close(&message);
	} while (r > 0 || r == -ECONNRESET);
	close(fd);
}

/* Starts the helper and knocks. Returns its exit status, or sudo's. */
static int knock(const struct qb_spawn *spawn, char *why, size_t size)
{
	int fd, status = 0;
	pid_t pid;

	if (qb_spawn_start(spawn, &fd, &pid, NULL) < 0)
		return EXIT_FAILURE;
	converse(fd, why, size);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* 0: the socket is a way; otherwise as qb_spawn_connect, or -QB_NOT_FROM_HERE: it was refused. */
static int knock_at_socket(char *why, size_t size)
{
	struct qb_error err = {0};
	int fd = qb_spawn_connect(QB_SOCKET_PATH, &err);

	if (fd >= 0)
		converse(fd, why, size);
	else
		qb_text_copy(why, size, err.text);
	if (fd >= 0 && *why)
		return -QB_NOT_FROM_HERE;
	return fd < 0 ? fd : 0;
}

static bool has_lease(void)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal summary;
	_cleanup_close_ int door = -1;

	if (qb_journal_read(&summary, QB_SUMMARY_PATH, &steps, NULL) < 0 || !summary.owner.lease ||
		summary.owner.uid != getuid())
		return false;
	door = qb_spawn_connect(QB_DOOR_PATH, NULL);
	return door >= 0;
}

/* Is this user one of the group's already, but logged in before that? */
static bool is_listed(const struct group *group, const char *user)
{
	for (char **member = group->gr_mem; *member; member++)
		if (strcmp(*member, user) == 0)
			return true;
	return false;
}

/* The socket is there for a group that this user is not in. */
static void advise_group(struct qb_privilege *privilege, const char *user)
{
	struct stat st;
	const struct group *group = stat(QB_SOCKET_PATH, &st) < 0 ? NULL : getgrgid(st.st_gid);

	if (!group)
		return;
	qb_text_format(privilege->why, sizeof(privilege->why), "%s is for the group %s",
		QB_SOCKET_PATH, group->gr_name);
	if (is_listed(group, user))
		qb_text_format(privilege->command, sizeof(privilege->command), "newgrp %s",
			group->gr_name);
	else
		qb_text_format(privilege->command, sizeof(privilege->command),
			"sudo usermod -aG %s %s && newgrp %s", group->gr_name, user,
			group->gr_name);
}

static void advise(struct qb_privilege *privilege, const char *helper, int socket, bool sudo)
{
	const struct passwd *passwd = getpwuid(getuid());
	const char *user = passwd ? passwd->pw_name : "USER";

	if (socket == -EACCES)
		advise_group(privilege, user);
	else if (!sudo)
		qb_text_copy(privilege->command, sizeof(privilege->command), "su");
	else if (qb_file_exists("/run/systemd/system") && qb_file_exists(QB_UNITDIR "/" UNIT))
		qb_text_copy(privilege->command, sizeof(privilege->command),
			"sudo systemctl enable --now " UNIT);
	else
		qb_text_format(privilege->command, sizeof(privilege->command),
			"echo '%s ALL=(root) NOPASSWD: %s \"\"' | sudo tee "
			"/etc/sudoers.d/quietbench",
			user, helper);
}

static void find_sudo(struct qb_privilege *ret, char *helper, int socket)
{
	char *const argv[] = {"sudo", "-n", "--", helper, NULL};
	const struct qb_spawn spawn = {.argv = argv, .background = true, .silent = true};
	char refused[QB_ERROR_MAX] = "";
	int status = knock(&spawn, refused, sizeof(refused));
	bool sudo = status != EXIT_NO_PROGRAM;

	if (status == EXIT_SUCCESS) {
		ret->way = "sudo";
		ret->say = "sudo, without a password";
		return;
	}
	if (sudo && !refused[0] && isatty(STDIN_FILENO)) {
		ret->way = "sudo-password";
		ret->say = "sudo, if it takes your password";
	}
	if (refused[0])
		qb_text_copy(ret->why, sizeof(ret->why), refused);
	else if (!ret->why[0])
		qb_text_copy(ret->why, sizeof(ret->why),
			sudo ? "not root, sudo wants a password, and there is no terminal to type "
			       "it in"
			     : "not root, and no sudo here");
	if (!refused[0])
		advise(ret, helper, socket, sudo);
	if (ret->way)
		ret->why[0] = '\0';
}

int qb_privilege_attainable(struct qb_error *err)
{
	if (geteuid() == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 0;
	return qb_error_set(err, QB_NOT_FROM_HERE,
		"no program can give privilege here, sudo neither (no_new_privs is set: a sandbox, a container, a unit with NoNewPrivileges=): run quietbench outside of it");
}

int qb_privilege_find(struct qb_privilege *ret, struct qb_error *err)
{
	char helper[PATH_MAX];
	char *const argv[] = {helper, NULL};
	const struct qb_spawn direct = {.argv = argv, .clean = true, .silent = true};
	struct qb_error confined = {0};
	int r = qb_spawn_find("quietbench-helper", helper, sizeof(helper), err);

	if (r < 0)
		return r;
	*ret = (struct qb_privilege){.lease = has_lease()};
	if (geteuid() == 0) {
		int status = knock(&direct, ret->why, sizeof(ret->why));

		if (status == EXIT_SUCCESS)
			ret->way = ret->say = "root";
		else if (!ret->why[0])
			qb_text_format(ret->why, sizeof(ret->why), "%s ended with status %d",
				helper, status);
		return 0;
	}
	r = knock_at_socket(ret->why, sizeof(ret->why));
	if (r == 0) {
		ret->way = "socket";
		ret->say = QB_SOCKET_PATH;
		return 0;
	}
	if (qb_privilege_attainable(&confined) < 0)
		qb_text_copy(ret->why, sizeof(ret->why), confined.text);
	else
		find_sudo(ret, helper, r);
	return 0;
}

void qb_privilege_explain(const char *why, char *buf, size_t size)
{
	struct qb_privilege privilege;

	if (geteuid() == 0 || qb_privilege_find(&privilege, NULL) < 0 || !*privilege.command)
		qb_text_copy(buf, size, why);
	else
		qb_text_format(buf, size, "%s; to change that: %s",
			*privilege.why ? privilege.why : why, privilege.command);
}
