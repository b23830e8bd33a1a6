/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit.h */
#include "audit.h"
#include <base/macros.h>
#include <base/text.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#define TEXT_MAX 700

void qb_audit(const struct qb_peer *peer, const char *fmt, ...)
{
	const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[TEXT_MAX], line[TEXT_MAX + 96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	qb_text_printable(text);
	qb_text_format(line, sizeof(line), "<%d>quietbench[%d]: user %u, process %d: %s",
		LOG_AUTHPRIV | LOG_NOTICE, getpid(), peer->uid, peer->pid, text);
	if (fd >= 0)
		(void)sendto(fd, line, strlen(line), 0, (const struct sockaddr *)&log, sizeof(log));
}
