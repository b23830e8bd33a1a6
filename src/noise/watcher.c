/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watcher.h */
#include "watcher.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/cgroups.h>
#include <host/tasks.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Powers of two, in bytes. Switches: 4 MiB, some 100,000 of them, where that is allowed, and less where
 * there are many CPUs; and what perf_event_mlock_kb lets everybody have. Families alone: some 800 processes. */
#define KIB ((size_t)1024)
static const size_t switch_sizes[] = {4096 * KIB, 1024 * KIB, 512 * KIB, 128 * KIB, 32 * KIB};
static const size_t family_sizes[] = {128 * KIB, 32 * KIB};
#define ALL_MOST (65536 * KIB) /* of all rings with switches */

#define INTERVAL_FIRST INT64_C(20000000)
#define INTERVAL_LEAST INT64_C(5000000)
#define INTERVAL_MOST  INT64_C(1000000000)
/* What other CPUs recorded so long ago is to be read by now: a child is seen after its fork. */
#define SETTLED_NS INT64_C(10000000)
/* With less room than that records have got lost, and the kernel has not told of it yet. */
#define ROOM_LEAST 128

/* ---- records ---- */

/* What sample_id_all puts at the end of every record, by sample_type. */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
};

/* PERF_RECORD_SWITCH_CPU_WIDE; the thread that is switched in or out is the sample's. */
struct switched {
	struct perf_event_header head;
	uint32_t other_pid, other_tid;
	struct sample_id id;
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

struct lost {
	struct perf_event_header head;
	uint64_t id, lost;
};

union record {
	struct perf_event_header head;
	struct switched switched;
	struct named named;
	struct family family;
	struct lost lost;
	char bytes[256];
};

/* Copies what lies around the ring's end, too. */
static void copy_out(const struct qb_watcher_ring *ring, uint64_t at, void *to, size_t n)
{
	const char *data = (const char *)ring->page + ring->page->data_offset;

	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = data[(at + i) % ring->page->data_size];
}

/* False: it is none that is of interest. */
static bool decode(const union record *record, unsigned cpu, struct qb_event *ret)
{
	const uint16_t misc = record->head.misc;
	struct sample_id id;
	struct qb_event event = {.cpu = cpu};

	memcpy(&id, record->bytes + record->head.size - sizeof(id), sizeof(id));
	event.at_ns = (int64_t)id.time;
	switch (record->head.type) {
	case PERF_RECORD_SWITCH_CPU_WIDE:
		event.type = !(misc & PERF_RECORD_MISC_SWITCH_OUT)	  ? QB_EVENT_IN
			     : misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT ? QB_EVENT_PREEMPTED
									  : QB_EVENT_OUT;
		event.pid = (pid_t)id.pid;
		event.tid = (pid_t)id.tid;
		if (event.type != QB_EVENT_IN) {
			event.next_pid = (pid_t)record->switched.other_pid;
			event.next_tid = (pid_t)record->switched.other_tid;
		}
		break;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		event.type = record->head.type == PERF_RECORD_FORK ? QB_EVENT_FORK : QB_EVENT_EXIT;
		event.pid = (pid_t)record->family.pid;
		event.tid = (pid_t)record->family.tid;
		event.ppid = (pid_t)record->family.ppid;
		event.ptid = (pid_t)record->family.ptid;
		break;
	case PERF_RECORD_COMM:
		event.type = misc & PERF_RECORD_MISC_COMM_EXEC ? QB_EVENT_EXEC : QB_EVENT_NAME;
		event.pid = (pid_t)record->named.pid;
		event.tid = (pid_t)record->named.tid;
		memcpy(event.comm, record->named.comm, sizeof(event.comm) - 1);
		break;
	case PERF_RECORD_LOST:
		event.type = QB_EVENT_LOST;
		event.lost = record->lost.lost;
		break;
	default: return false;
	}
	*ret = event;
	return true;
}

/* Finds the next event of the ring, from its tail on. False: there is none. */
static bool advance(struct qb_watcher_ring *ring)
{
	while (ring->tail < ring->head) {
		union record record;

		copy_out(ring, ring->tail, &record.head, sizeof(record.head));
		if (record.head.size < sizeof(record.head) + sizeof(struct sample_id))
			break; /* no kernel writes that */
		ring->after = ring->tail + record.head.size;
		if (record.head.size <= sizeof(record)) {
			copy_out(ring, ring->tail, &record, record.head.size);
			if (decode(&record, ring->cpu, &ring->next))
				return true;
		}
		ring->tail = ring->after;
	}
	ring->tail = ring->head;
	return false;
}

/* ---- all rings, in the order of time ---- */

/* Down to its place in a heap of rings by the time of their next event. */
static void sift(struct qb_watcher_ring **heap, size_t n, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		struct qb_watcher_ring *ring = heap[at];

		child += child + 1 < n && heap[child + 1]->next.at_ns < heap[child]->next.at_ns;
		if (ring->next.at_ns <= heap[child]->next.at_ns)
			return;
		heap[at] = heap[child];
		heap[child] = ring;
	}
}

/* How full the fullest was, of 16. */
static unsigned look_at_rings(struct qb_watcher *watcher)
{
	uint64_t most = 0;

	for (size_t i = 0; i < watcher->n_rings; i++) {
		struct qb_watcher_ring *ring = &watcher->rings[i];
		const uint64_t size = ring->page->data_size;
		uint64_t used;

		ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
		ring->tail = ring->page->data_tail;
		used = ring->head - ring->tail;
		if (used + ROOM_LEAST > size)
			watcher->seen.lost++;
		if (used * 16 / size > most)
			most = used * 16 / size;
	}
	return (unsigned)most;
}

static unsigned drain_until(struct qb_watcher *watcher, int64_t until_ns)
{
	_cleanup_free_ struct qb_watcher_ring **heap =
		calloc(watcher->n_rings + 1, sizeof(struct qb_watcher_ring *));
	const unsigned used = look_at_rings(watcher);
	size_t n = 0;

	if (!heap) {
		watcher->seen.lost++;
		return used;
	}
	watcher->seen.data = watcher;
	for (size_t i = 0; i < watcher->n_rings; i++)
		if (advance(&watcher->rings[i]))
			heap[n++] = &watcher->rings[i];
	for (size_t i = n; i-- > 0;)
		sift(heap, n, i);
	while (n && heap[0]->next.at_ns <= until_ns) {
		struct qb_watcher_ring *ring = heap[0];

		qb_runners_take(&watcher->seen, &ring->next);
		ring->tail = ring->after;
		if (!advance(ring))
			heap[0] = heap[--n];
		sift(heap, n, 0);
	}
	for (size_t i = 0; i < watcher->n_rings; i++)
		__atomic_store_n(&watcher->rings[i].page->data_tail, watcher->rings[i].tail,
			__ATOMIC_RELEASE);
	return used;
}

void qb_watcher_drain(struct qb_watcher *watcher)
{
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC);
	unsigned used;

	if (!qb_watcher_is_open(watcher))
		return;
	used = drain_until(watcher, now - SETTLED_NS);
	if (used >= 4 && watcher->interval_ns / 2 >= INTERVAL_LEAST)
		watcher->interval_ns /= 2;
	else if (!used && watcher->interval_ns < INTERVAL_MOST)
		watcher->interval_ns = 2 * watcher->interval_ns < INTERVAL_MOST
					       ? 2 * watcher->interval_ns
					       : INTERVAL_MOST;
	watcher->next_ns = now + watcher->interval_ns;
}

int qb_watcher_patience(const struct qb_watcher *watcher)
{
	const int64_t left = watcher->next_ns - qb_ns_now(CLOCK_MONOTONIC);

	if (!qb_watcher_is_open(watcher))
		return -1;
	return left > 0 ? (int)(left / 1000000) + 1 : 0;
}

/* ---- names and families, by /proc ---- */

static void name_runner(struct qb_runner *runner, void *data)
{
	char path[64], comm[128]; /* the kernel's workers have long names */
	struct stat st;

	qb_text_format(path, sizeof(path), "/proc/%d/task/%d/comm", runner->pid, runner->tid);
	if (qb_file_read(path, comm, sizeof(comm), NULL) < 0)
		return;
	runner->uid = stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
	qb_text_format(
		runner->comm, sizeof(runner->comm), "%.*s", (int)sizeof(runner->comm) - 1, comm);
	qb_text_printable(runner->comm);
}

static bool is_in_group(pid_t tid, const char *group)
{
	char name[QB_GROUP_MAX];
	const size_t length = group ? strlen(group) : 0;

	return group && qb_cgroups_of(tid, QB_HIERARCHY_V2, name, sizeof(name), NULL) == 0 &&
	       strncmp(name, group, length) == 0 && (!name[length] || name[length] == '/');
}

/* Forks may have been missed: whose is it? */
static enum qb_whose ask_proc(pid_t pid, pid_t tid, void *data)
{
	const struct qb_watcher *watcher = data;
	struct qb_task task;

	if (qb_task_read(tid, &task, NULL) < 0)
		return QB_WHOSE_UNKNOWN;
	if (task.kernel || task.start < watcher->start)
		return QB_WHOSE_OTHER;
	if (is_in_group(tid, watcher->group) || qb_task_descends(pid, watcher->seen.follow))
		return QB_WHOSE_OWN;
	return QB_WHOSE_UNKNOWN;
}

/* ---- opening ---- */

size_t qb_watcher_ring_size(bool switches, unsigned n_cpus, size_t page, unsigned attempt)
{
	const size_t *sizes = switches ? switch_sizes : family_sizes;
	const size_t n = switches ? QB_ARRAY_SIZE(switch_sizes) : QB_ARRAY_SIZE(family_sizes);

	for (size_t i = 0; i < n; i++) {
		const bool last = i + 1 == n || sizes[i] <= page;

		if ((last || sizes[i] * n_cpus <= ALL_MOST) && attempt-- == 0)
			return page + (sizes[i] > page ? sizes[i] : page);
		if (last)
			break;
	}
	return 0;
}

/* Opens the ring of a CPU: who is switched there, or families alone. */
static int open_ring(struct qb_watcher *watcher, unsigned cpu, bool switches)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU,
		.sample_id_all = 1,
		.context_switch = switches,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct qb_watcher_ring ring = {.cpu = cpu};
	const int fd =
		(int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	ring.page = MAP_FAILED;
	for (unsigned i = 0; ring.page == MAP_FAILED; i++) {
		ring.size = qb_watcher_ring_size(switches, (unsigned)watcher->n_watched, page, i);
		if (!ring.size)
			break;
		ring.page = mmap(NULL, ring.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		r = ring.page == MAP_FAILED ? -errno : 0;
	}
	close(fd); /* the map keeps the event */
	if (ring.page == MAP_FAILED)
		return r;
	watcher->rings[watcher->n_rings++] = ring;
	return 0;
}

static int watch_cpus(struct qb_watcher *watcher, const struct qb_cpus *cpus, struct qb_error *err)
{
	qb_cpus_foreach (cpu, cpus) {
		int r = open_ring(watcher, cpu, true);

		if (r < 0)
			return qb_error_errno(
				err, -r, "watch which tasks run on CPU %u (perf)", cpu);
		r = qb_runners_watch(&watcher->seen, cpu, qb_ns_now(CLOCK_MONOTONIC));
		if (r < 0)
			return qb_error_errno(err, -r, "watch CPU %u", cpu);
	}
	return 0;
}

/* The control group of the child, if it is not the one that we are in, too. */
static char *own_group(pid_t child)
{
	char its[QB_GROUP_MAX], ours[QB_GROUP_MAX];

	if (qb_cgroups_of(child, QB_HIERARCHY_V2, its, sizeof(its), NULL) < 0 ||
		qb_cgroups_of(getpid(), QB_HIERARCHY_V2, ours, sizeof(ours), NULL) < 0 ||
		strcmp(its, ours) == 0 || strcmp(its, "/") == 0)
		return NULL;
	return strdup(its);
}

/* Families are to be seen everywhere; where they are not, who is whose is asked of /proc. */
static int follow(struct qb_watcher *watcher, const struct qb_cpus *online,
	const struct qb_cpus *cpus, pid_t child, struct qb_error *err)
{
	struct qb_task task;

	watcher->seen.complete = !qb_cpus_empty(online);
	qb_cpus_foreach (cpu, online)
		if (!qb_cpus_has(cpus, cpu) && open_ring(watcher, cpu, false) < 0)
			watcher->seen.complete = false;
	if (qb_task_read(child, &task, NULL) == 0)
		watcher->start = task.start;
	watcher->group = own_group(child);
	watcher->seen.ask = ask_proc;
	if (qb_runners_follow(&watcher->seen, child) < 0)
		return qb_error_errno(err, ENOMEM, "watch which tasks run on the benchmark's CPUs");
	return 0;
}

/* The inode of the first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

/* In a container perf calls all who are outside of it number 0, as it does an idle CPU. */
static bool sees_everybody(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == FIRST_PID_NAMESPACE;
}

int qb_watcher_open(
	struct qb_watcher *ret, const struct qb_cpus *cpus, pid_t child, struct qb_error *err)
{
	struct qb_watcher watcher = {.interval_ns = INTERVAL_FIRST, .seen.name = name_runner};
	struct qb_cpus online = {0};
	int r;

	if (!sees_everybody())
		return qb_error_set(err, EOPNOTSUPP,
			"in a container (a PID namespace) perf does not show which other tasks run");
	(void)qb_host_online(&online, NULL); /* empty: then not all families are seen */
	watcher.rings = calloc(
		qb_cpus_count(&online) + qb_cpus_count(cpus) + 1, sizeof(struct qb_watcher_ring));
	if (!watcher.rings)
		return qb_error_errno(err, ENOMEM, "watch which tasks run on the benchmark's CPUs");
	watcher.n_watched = qb_cpus_count(cpus);
	r = watch_cpus(&watcher, cpus, err);
	if (r == 0 && child)
		r = follow(&watcher, &online, cpus, child, err);
	if (r < 0) {
		qb_watcher_close(&watcher);
		return r;
	}
	watcher.next_ns = qb_ns_now(CLOCK_MONOTONIC) + watcher.interval_ns;
	*ret = watcher;
	return 0;
}

void qb_watcher_end(struct qb_watcher *watcher, int64_t until_ns)
{
	if (!qb_watcher_is_open(watcher))
		return;
	drain_until(watcher, until_ns);
	qb_runners_end(&watcher->seen, until_ns);
	for (size_t i = 0; i < watcher->seen.n; i++) {
		struct qb_runner *runner = watcher->seen.v[i];

		if (runner->whose != QB_WHOSE_OWN && runner->stays && runner->tid)
			name_runner(runner, NULL); /* it may have got another one elsewhere */
	}
}

void qb_watcher_close(struct qb_watcher *watcher)
{
	for (size_t i = 0; i < watcher->n_rings; i++)
		munmap(watcher->rings[i].page, watcher->rings[i].size);
	free(watcher->rings);
	free(watcher->group);
	qb_runners_free(&watcher->seen);
	*watcher = (struct qb_watcher){0};
}
