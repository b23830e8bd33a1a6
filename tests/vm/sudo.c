/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sudo for the test VM: executes its arguments as root and says in SUDO_UID who asked. No options
 * but -n and --. Where it is not set-user-ID it refuses, as sudo does without a password.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char uid[16];
	int i = 1;

	snprintf(uid, sizeof(uid), "%u", getuid());
	while (i < argc && argv[i][0] == '-')
		if (strcmp(argv[i++], "--") == 0)
			break;
	if (i == argc || geteuid() != 0 || setgid(0) < 0 || setuid(0) < 0 || clearenv() != 0 ||
		setenv("SUDO_UID", uid, 1) < 0)
		return 1;
	execv(argv[i], argv + i);
	return 1;
}
