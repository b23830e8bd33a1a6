/* SPDX-License-Identifier: GPL-2.0-or-later */
/* switches.h */
#include "switches.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* Powers of two: 1 MiB, some 20,000 switches; and what perf_event_mlock_kb lets everybody have. */
static const unsigned ring_pages[] = {256, 128};

/* A record of PERF_RECORD_SWITCH_CPU_WIDE with the fields that sample_type asks for. */
struct record {
	struct perf_event_header head;
	uint32_t other_pid, other_tid;
	uint32_t pid, tid; /* of the thread that is switched in or out */
	uint64_t time;
	uint32_t cpu, reserved;
};

/* PERF_RECORD_COMM, up to the name. */
struct named {
	struct perf_event_header head;
	uint32_t pid, tid;
	char comm[16];
};

/* PERF_RECORD_FORK, PERF_RECORD_EXIT. */
struct family {
	struct perf_event_header head;
	uint32_t pid, ppid, tid, ptid;
};

static int map_ring(struct qb_switches *switches)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(ring_pages); i++) {
		switches->size = (size_t)(1 + ring_pages[i]) * (size_t)sysconf(_SC_PAGESIZE);
		switches->ring = mmap(
			NULL, switches->size, PROT_READ | PROT_WRITE, MAP_SHARED, switches->fd, 0);
		if (switches->ring != MAP_FAILED)
			return 0;
	}
	return -errno;
}

void qb_runner_name(const char *comm, pid_t pid, char *buf, size_t size)
{
	if (pid)
		qb_text_format(buf, size, "%s (pid %d)", comm, pid);
	else
		qb_text_copy(buf, size, comm);
}

int qb_switches_open(struct qb_switches *ret, unsigned cpu, struct qb_error *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU,
		.sample_id_all = 1,
		.context_switch = 1,
		.comm = 1,
		.task = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	struct qb_switches switches = {.fd = -1};
	int r;

	switches.fd =
		(int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (switches.fd < 0)
		return qb_error_errno(err, errno, "watch who runs on CPU %u (perf)", cpu);
	r = map_ring(&switches);
	if (r < 0) {
		close(switches.fd);
		return qb_error_errno(err, -r, "make room for what perf tells of CPU %u", cpu);
	}
	*ret = switches;
	return 0;
}

static void name_runner(struct qb_runner *runner)
{
	char path[64], comm[128]; /* the kernel's workers have long names */
	struct stat st;

	qb_text_format(path, sizeof(path), "/proc/%d/task/%d/comm", runner->pid, runner->tid);
	if (qb_file_read(path, comm, sizeof(comm), NULL) < 0)
		qb_text_copy(comm, sizeof(comm), runner->comm[0] ? runner->comm : "short-lived");
	runner->uid = stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
	qb_text_format(
		runner->comm, sizeof(runner->comm), "%.*s", (int)sizeof(runner->comm) - 1, comm);
	qb_text_printable(runner->comm);
}

/* A place for one more: of one of ours that has ended, or of a stranger that ran least and does not
 * run now. */
static struct qb_runner *make_room(struct qb_switches *switches)
{
	struct qb_runner *least = NULL;

	if (switches->n < QB_RUNNERS_MAX)
		return &switches->v[switches->n++];
	for (size_t i = 0; i < switches->n; i++)
		if (switches->v[i].own && switches->v[i].ended && !switches->v[i].since)
			return &switches->v[i];
	for (size_t i = 0; i < switches->n; i++) {
		struct qb_runner *runner = &switches->v[i];

		if (!runner->own && !runner->since && (!least || runner->ns < least->ns))
			least = runner;
	}
	if (!least) { /* hundreds of own threads that live: who comes back is not known for one */
		least = &switches->v[QB_RUNNERS_MAX - 1];
		switches->lost++;
	}
	switches->rest_ns += least->own ? 0 : least->ns;
	return least;
}

static struct qb_runner *find_runner(struct qb_switches *switches, pid_t pid, pid_t tid)
{
	struct qb_runner *runner;

	for (size_t i = 0; i < switches->n; i++)
		if (switches->v[i].tid == tid && !switches->v[i].ended)
			return &switches->v[i];
	runner = make_room(switches);
	*runner = (struct qb_runner){
		.pid = pid, .tid = tid, .own = switches->follow && pid == switches->follow};
	name_runner(runner);
	return runner;
}

/* Who had the CPU has it no more: there is one at a time. */
static void leave(struct qb_switches *switches, int64_t at_ns)
{
	struct qb_runner *runner = switches->on;
	int64_t from;

	switches->on = NULL;
	if (!runner || !runner->since)
		return;
	from = runner->since > switches->from_ns ? runner->since : switches->from_ns;
	if (from < at_ns)
		runner->ns += at_ns - from;
	runner->since = 0;
}

/* A task that has died is switched out under no number (-1); tid 0: the CPU is idle. */
static void take_switch(struct qb_switches *switches, const struct record *record)
{
	const bool out = record->head.misc & PERF_RECORD_MISC_SWITCH_OUT;
	const bool preempted = record->head.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;
	struct qb_runner *runner;

	if (switches->until_ns && (int64_t)record->time > switches->until_ns)
		return;
	leave(switches, (int64_t)record->time);
	if ((pid_t)record->tid <= 0 || (out && !preempted))
		return;
	runner = find_runner(switches, (pid_t)record->pid, (pid_t)record->tid);
	if (out) {
		runner->waits = (int64_t)record->time;
		return;
	}
	if (runner->waits)
		runner->waited += (int64_t)record->time - runner->waits;
	runner->waits = 0;
	runner->since = (int64_t)record->time;
	runner->times += (int64_t)record->time >= switches->from_ns;
	switches->on = runner;
}

/* A child has its parent's name until it executes something; it may be gone before we look. */
static void take_fork(struct qb_switches *switches, const struct family *record)
{
	for (size_t i = 0; i < switches->n; i++) {
		const struct qb_runner parent = switches->v[i];
		struct qb_runner *child;

		if (parent.tid != (pid_t)record->ptid)
			continue;
		child = make_room(switches);
		*child = (struct qb_runner){.pid = (pid_t)record->pid,
			.tid = (pid_t)record->tid,
			.uid = parent.uid,
			.own = parent.own};
		qb_text_copy(child->comm, sizeof(child->comm), parent.comm);
		return;
	}
}

/* It is on the CPU still, for its last switch. */
static void take_exit(struct qb_switches *switches, const struct family *record)
{
	for (size_t i = 0; i < switches->n; i++)
		if (switches->v[i].tid == (pid_t)record->tid)
			switches->v[i].ended = true;
}

/* A program was executed, so the thread has another name. */
static void take_name(struct qb_switches *switches, const struct named *record)
{
	for (size_t i = 0; i < switches->n; i++)
		if (switches->v[i].tid == (pid_t)record->tid) {
			qb_text_format(switches->v[i].comm, sizeof(switches->v[i].comm), "%.*s",
				(int)sizeof(record->comm), record->comm);
			qb_text_printable(switches->v[i].comm);
		}
}

/* Copies what lies around the ring's end, too. */
static void copy_out(const char *data, uint64_t size, uint64_t at, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = data[(at + i) % size];
}

void qb_switches_follow(struct qb_switches *switches, pid_t pid)
{
	switches->follow = pid;
	find_runner(switches, pid, pid)->own = true;
}

void qb_switches_drain(struct qb_switches *switches)
{
	struct perf_event_mmap_page *page = switches->ring;
	const char *data = (const char *)switches->ring + page->data_offset;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;

	while (tail < head) {
		union {
			struct perf_event_header head;
			struct record record;
			struct named named;
			struct family family;
		} any = {0};

		copy_out(data, page->data_size, tail, &any.head, sizeof(any.head));
		if (any.head.size < sizeof(any.head))
			break; /* no kernel writes that */
		copy_out(data, page->data_size, tail, &any,
			any.head.size < sizeof(any) ? any.head.size : sizeof(any));
		if (any.head.type == PERF_RECORD_SWITCH_CPU_WIDE)
			take_switch(switches, &any.record);
		else if (any.head.type == PERF_RECORD_COMM)
			take_name(switches, &any.named);
		else if (any.head.type == PERF_RECORD_FORK)
			take_fork(switches, &any.family);
		else if (any.head.type == PERF_RECORD_EXIT)
			take_exit(switches, &any.family);
		else if (any.head.type == PERF_RECORD_LOST) /* after an id */
			switches->lost += (uint64_t)any.record.pid | (uint64_t)any.record.tid << 32;
		tail += any.head.size;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
}

void qb_switches_end(struct qb_switches *switches, int64_t until_ns)
{
	switches->until_ns = until_ns;
	qb_switches_drain(switches);
	leave(switches, until_ns);
	for (size_t i = 0; i < switches->n; i++)
		name_runner(&switches->v[i]); /* it may have got another one elsewhere */
}

void qb_switches_lend(struct qb_switches *switches, const struct qb_switches_message *message)
{
	*switches = (struct qb_switches){.fd = -1,
		.lent = true,
		.n = message->n,
		.rest_ns = message->rest_ns,
		.lost = message->lost};
	for (size_t i = 0; i < switches->n; i++) {
		const struct qb_seen *seen = &message->seen[i];

		switches->v[i] = (struct qb_runner){.pid = seen->pid,
			.tid = seen->tid,
			.own = seen->own != 0,
			.ns = seen->ns,
			.waited = seen->waited,
			.times = seen->times};
		qb_text_copy(switches->v[i].comm, sizeof(switches->v[i].comm), seen->comm);
		qb_text_printable(switches->v[i].comm);
	}
}

void qb_switches_close(struct qb_switches *switches)
{
	if (switches->fd < 0)
		return;
	munmap(switches->ring, switches->size);
	close(switches->fd);
	switches->fd = -1;
}
