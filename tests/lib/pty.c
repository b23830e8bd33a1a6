/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pty COMMAND [ARG...]: runs COMMAND on a terminal of its own, as a person would drive it. The
 * person is a script on standard input, one action a line:
 *
 *	expect TEXT   wait until TEXT appears after what was matched last (30 s, else it fails)
 *	await FILE    wait until FILE is there and has something in it (30 s, else it fails)
 *	send TEXT     type it; \n is Enter, ^C, ^Z, ^\ and ^D are the keys
 *	pause MS
 *
 * At the script's end the terminal is hung up. The exit status is 0 when every expectation was
 * met; the transcript goes to standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static char seen[1 << 20];
static size_t n_seen, matched;
static int master;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads what there is, waiting at most `ms`. False at the end of the terminal. */
static bool listen_for(int ms)
{
	struct pollfd p = {.fd = master, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(master, seen + n_seen, sizeof(seen) - 1 - n_seen);
	if (n <= 0)
		return false;
	fwrite(seen + n_seen, 1, (size_t)n, stdout);
	n_seen += (size_t)n;
	seen[n_seen] = '\0';
	return true;
}

static bool expect(const char *text)
{
	long end = now_ms() + PATIENCE_MS;

	do {
		char *at = strstr(seen + matched, text);

		if (at) {
			matched = (size_t)(at - seen) + strlen(text);
			return true;
		}
	} while (listen_for(50) && now_ms() < end);
	printf("\npty: expected \"%s\"\n", text);
	return false;
}

static bool await(const char *path)
{
	const long end = now_ms() + PATIENCE_MS;
	struct stat st;

	while (stat(path, &st) < 0 || st.st_size == 0) {
		if (now_ms() >= end) {
			printf("\npty: awaited %s\n", path);
			return false;
		}
		listen_for(10);
	}
	return true;
}

static void type(const char *text)
{
	for (; *text; text++) {
		char c = *text;

		if (c == '\\' && text[1] == 'n') {
			c = '\n';
			text++;
		} else if (c == '^' && text[1]) {
			c = (char)(*++text & 0x1f);
		}
		if (write(master, &c, 1) != 1)
			return;
	}
}

static bool act(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "expect ", 7) == 0)
		return expect(line + 7);
	if (strncmp(line, "await ", 6) == 0)
		return await(line + 6);
	if (strncmp(line, "send ", 5) == 0) {
		type(line + 5);
		return true;
	}
	if (strncmp(line, "pause ", 6) == 0) {
		long end = now_ms() + atol(line + 6);

		while (now_ms() < end)
			listen_for(10);
		return true;
	}
	printf("\npty: not understood: %s\n", line);
	return false;
}

static pid_t start(char **argv)
{
	const char *name;
	pid_t pid;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || !(name = ptsname(master)))
		return -1;
	pid = fork();
	if (pid == 0) {
		int slave;

		(void)signal(SIGHUP, SIG_DFL); /* nohup(1) may have started the tests */
		setsid();
		slave = open(name, O_RDWR);
		if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
			_exit(126);
		for (int fd = 0; fd <= 2; fd++)
			dup2(slave, fd);
		if (slave > 2)
			close(slave);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	char line[4096];
	bool good = true;
	pid_t pid = argc > 1 ? start(argv + 1) : -1;

	if (pid < 0) {
		fprintf(stderr, "pty: %s\n", argc > 1 ? strerror(errno) : "no command");
		return 2;
	}
	while (good && fgets(line, sizeof(line), stdin))
		good = act(line);
	close(master);
	kill(pid, SIGHUP);
	waitpid(pid, NULL, 0);
	return good ? 0 : 1;
}
