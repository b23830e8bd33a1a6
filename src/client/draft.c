/* SPDX-License-Identifier: GPL-2.0-or-later */
/* draft.h */
#include <base/text.h>
#include <client/draft.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void qb_draft_discard(struct qb_draft *draft)
{
	if (draft->out)
		fclose(draft->out);
	if (draft->path[0])
		unlink(draft->path);
}

static mode_t mode_of_new_files(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int create(struct qb_draft *draft, mode_t mode, struct qb_error *err)
{
	int fd = mkostemp(draft->path, O_CLOEXEC);
	if (fd < 0) {
		int code = errno;
		draft->path[0] = '\0';
		return qb_error_errno(err, code, "create a file beside it");
	}
	draft->out = fdopen(fd, "w");
	if (!draft->out) {
		int code = errno;
		close(fd);
		return qb_error_errno(err, code, "open %s", draft->path);
	}
	if (fchmod(fd, mode) < 0)
		return qb_error_errno(err, errno, "set the mode of %s", draft->path);
	return 0;
}

int qb_draft_open(struct qb_draft *draft, const char *file, mode_t mode, struct qb_error *err)
{
	struct stat st;
	bool there = stat(file, &st) == 0;

	if (there && !S_ISREG(st.st_mode))
		return qb_error_set(err, EINVAL, "it is not a regular file: name one");
	if (!mode)
		mode = there ? st.st_mode & 0777 : mode_of_new_files();
	if ((!realpath(file, draft->target) &&
		    !qb_text_copy(draft->target, sizeof(draft->target), file)) ||
		!qb_text_format(draft->path, sizeof(draft->path), "%s.XXXXXX", draft->target))
		return qb_error_set(err, ENAMETOOLONG, "its path is too long");
	return create(draft, mode, err);
}

int qb_draft_keep(struct qb_draft *draft, struct qb_error *err)
{
	if (fflush(draft->out) != 0 || ferror(draft->out))
		return qb_error_errno(err, errno, "write %s", draft->path);
	if (fsync(fileno(draft->out)) < 0)
		return qb_error_errno(err, errno, "sync %s", draft->path);
	if (rename(draft->path, draft->target) < 0)
		return qb_error_errno(err, errno, "rename %s", draft->path);
	draft->path[0] = '\0';
	return 0;
}
