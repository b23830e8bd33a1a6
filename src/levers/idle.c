/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idle.h: how long a CPU may take to wake up. */
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <levers/idle.h>

#define DMA_LATENCY "/dev/cpu_dma_latency"

/* The kernel counts in microseconds of 32 bits. */
static int parse_us(const char *text, int32_t *ret, struct qb_error *err)
{
	int64_t value;

	if (qb_number_parse(text, &value) < 0 || value < 0 || value >= INT32_MAX)
		return qb_error_set(err, EINVAL, "expected microseconds, found '%s'", text);
	*ret = (int32_t)value;
	return 0;
}

static int judge_resume(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;

	return strcmp(text, QB_LATENCY_ZERO) == 0 ? 0 : parse_us(text, &us, err);
}

/* What this process asks of the kernel; -1: nothing. */
static int request = -1;
static int32_t request_us;

static int judge_dma(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;

	return strcmp(text, QB_LATENCY_NONE) == 0 ? 0 : parse_us(text, &us, err);
}

static int read_dma(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	if (request < 0)
		snprintf(buf, size, "%s", QB_LATENCY_NONE);
	else
		snprintf(buf, size, "%d", request_us);
	return 0;
}

static void drop(void)
{
	if (request >= 0)
		close(request);
	request = -1;
}

/* Binary and four bytes long: any other length would be read as hexadecimal digits. */
static int write_dma(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	int32_t us;
	ssize_t n;
	int r;

	if (strcmp(text, QB_LATENCY_NONE) == 0) {
		drop();
		return 0;
	}
	r = parse_us(text, &us, err);
	if (r < 0)
		return r;
	if (request < 0)
		request = open(DMA_LATENCY, O_WRONLY | O_CLOEXEC);
	if (request < 0 && errno == ENOENT)
		return qb_error_set(err, EOPNOTSUPP,
			"there is no %s here (a container needs to be given it)", DMA_LATENCY);
	if (request < 0)
		return qb_error_errno(err, errno, "open %s for writing", DMA_LATENCY);
	n = write(request, &us, sizeof(us));
	if (n != (ssize_t)sizeof(us)) {
		r = qb_error_errno(err, n < 0 ? errno : EIO, "ask %s for %d us", DMA_LATENCY, us);
		drop();
		return r;
	}
	request_us = us;
	return 0;
}

const struct qb_lever_ops qb_resume_latency_ops = {.judge = judge_resume};
const struct qb_lever_ops qb_dma_latency_ops = {
	.read = read_dma, .write = write_dma, .judge = judge_dma};
