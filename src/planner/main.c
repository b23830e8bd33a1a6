/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench-planner: parses what users wrote, looks at the host, answers with a plan.
 *
 * It has nothing to lose: the monitor executes it as nobody, a user under their own name; it changes
 * nothing. One request on fd 0 (protocol.h), one answer, and it ends. The optional argument is the
 * number of an fd: the folder of shipped profiles, where nobody could not reach it by its path. The
 * monitor gives it; what only a user's own planner may do, it then may not.
 */
#include "planner.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/plan.h>
#include <core/policy.h>
#include <core/profile.h>
#include <core/select.h>
#include <core/yaml.h>
#include <errno.h>
#include <host/caller.h>
#include <host/topology.h>
#include <limits.h>

#define ADMIN_PROFILES "/etc/quietbench/profiles"

struct work {
	struct qb_message message; /* the request, and its fds */
	const char *dirs[3];
	char shipped[PATH_MAX];
	struct qb_topology topology;
	struct qb_cpus allowed; /* to the caller; on a captured host to its captor */
	struct qb_profile profile;
	struct qb_selection selection;
	struct qb_steps steps;
};

/* The shipped profiles: beside the build folder this program lies in, else installed. */
static void find_profiles(struct work *w, const char *fd)
{
	char *slash;
	ssize_t n;

	w->dirs[0] = ADMIN_PROFILES;
	w->dirs[1] = w->shipped;
	if (fd) {
		qb_text_format(w->shipped, sizeof(w->shipped), "/proc/self/fd/%s", fd);
		return;
	}
	n = readlink("/proc/self/exe", w->shipped, sizeof(w->shipped) - 1);
	w->shipped[n > 0 ? n : 0] = '\0';
	slash = strrchr(w->shipped, '/');
	if (slash)
		*slash = '\0';
	slash = strrchr(w->shipped, '/');
	if (slash &&
		qb_text_copy(
			slash, sizeof(w->shipped) - (size_t)(slash - w->shipped), "/profiles") &&
		qb_file_exists(w->shipped))
		return;
	qb_text_copy(w->shipped, sizeof(w->shipped), QB_DATADIR "/profiles");
}

static int load_profile(struct work *w, bool guest, struct qb_profile *ret, struct qb_error *err)
{
	char missing[QB_PROFILE_NAME] = "";
	int r = qb_profile_load(
		&w->message.request, w->message.fds, w->dirs, guest, ret, missing, err);

	if (r == -ENOENT && missing[0])
		qb_answer_missing(missing);
	return r;
}

/* Another host in the place of this one: from here on, /sys and /proc are its. */
static int enter_root(const struct work *w, struct qb_error *err)
{
	int r = qb_sandbox_chroot(w->message.fds[w->message.n_fds - 1], err);

	return r < 0 ? qb_error_wrap(err, "--root") : 0;
}

/*
 * What a captured host's cpuset granted. Memory nodes are no limit for CPUs that are named: they only
 * have their memory elsewhere.
 */
static void read_allowed(struct work *w)
{
	struct qb_cpus near;

	w->allowed = w->message.request.allowed;
	if (!w->message.request.chroot)
		return;
	qb_captured_cpus(&w->allowed, &near);
	if (!w->profile.set[QB_KEY_CPUS_LIST].text[0] && qb_cpus_intersect(&w->allowed, &near))
		qb_cpus_and(&w->allowed, &near);
}

/*
 * The profile is chosen by what the host is (vm in a guest), and the host may lie behind a chroot
 * from which profiles cannot be read: then both candidates are loaded before.
 */
static int look(struct work *w, struct qb_error *err)
{
	const struct qb_request *request = &w->message.request;
	struct qb_profile guest;
	bool both = request->chroot && !request->profile[0];
	int r = 0;

	if (request->chroot) {
		r = load_profile(w, false, &w->profile, err);
		if (r == 0 && both)
			r = load_profile(w, true, &guest, err);
		if (r == 0)
			r = enter_root(w, err);
	}
	if (r == 0)
		r = qb_topology_load(&w->topology, err);
	if (r < 0)
		return r;
	if (!request->chroot)
		return load_profile(w, w->topology.guest, &w->profile, err);
	if (both && w->topology.guest)
		w->profile = guest;
	return 0;
}

static void leave_out(struct qb_setting *setting, const char *word)
{
	*setting = (struct qb_setting){.kind = QB_SETTING_WORD};
	qb_text_copy(setting->text, sizeof(setting->text), word);
}

/* Did the caller say which CPUs, or how many? */
static bool names_cpus(const struct qb_request *request)
{
	bool named = false;

	for (unsigned i = 0; i < request->n_set; i++)
		named |= strncmp(request->set[i], "cpus.list=", 10) == 0 ||
			 strncmp(request->set[i], "cpus.count=", 11) == 0;
	return named;
}

static int plan(struct work *w, struct qb_error *err)
{
	const struct qb_request *request = &w->message.request;
	struct qb_profile profile;
	const struct qb_wish wish = {.profile = &profile,
		.topology = &w->topology,
		.selection = &w->selection,
		.captured = request->chroot};
	int r;

	if (request->mode == QB_REQUEST_DOCTOR) {
		r = qb_plan_wish_everything(&w->profile, err);
		if (r < 0)
			return r;
	}
	/* The answer has the profile as it is: what is left out here the policy's judge refuses. */
	profile = w->profile;
	if (request->without_isolation)
		leave_out(&profile.set[QB_KEY_CPUS_ISOLATION], "none");
	if (request->without_offline && qb_setting_is(&profile.set[QB_KEY_CPUS_SMT], "offline"))
		leave_out(&profile.set[QB_KEY_CPUS_SMT], "idle");
	read_allowed(w);
	r = qb_select(&w->topology, &profile, &w->allowed, &w->selection, err);
	if (r < 0)
		return r;
	w->selection.named = names_cpus(request);
	/* The picture says how the CPUs will be kept free, so it takes a plan as well. */
	return qb_plan_make(&wish, &w->steps, err);
}

/* The policy: a file that the helper opened, and nothing of anybody else's. */
static int answer_policy(const struct work *w, struct qb_error *err)
{
	const char *label = w->message.request.files[0];
	struct qb_policy_message answer = {0};
	char bytes[QB_YAML_SIZE + 1];
	ssize_t n = w->message.n_fds == 1 ? pread(w->message.fds[0], bytes, sizeof(bytes), 0) : -1;
	int r = n < 0 ? qb_error_set(err, EPROTO, "expected a policy")
		      : qb_policy_read(label, bytes, (size_t)n, &answer.policy, err);

	return r < 0 ? r : qb_answer_policy(&answer, err);
}

static int work(struct work *w, struct qb_error *err)
{
	const struct qb_request *request = &w->message.request;
	int r;

	if (w->message.head.type != QB_MSG_PLAN ||
		w->message.n_fds != (unsigned)request->n_files + (request->chroot != 0))
		return qb_error_set(err, EPROTO, "expected a request with its files");
	if (request->mode == QB_REQUEST_POLICY)
		return answer_policy(w, err);
	if (request->mode == QB_REQUEST_PROFILE) {
		r = load_profile(w, false, &w->profile, err);
		return r < 0 ? r : qb_answer_profile(&w->profile, err);
	}
	r = look(w, err);
	if (r == 0)
		r = plan(w, err);
	/* First what has files to read, then all that is known: so its reader wakes once. */
	if (r == 0)
		r = qb_answer_host(&w->topology, &w->selection, err);
	if (r == 0)
		r = qb_answer_profile(&w->profile, err);
	if (r == 0 && request->mode == QB_REQUEST_TOPOLOGY)
		r = qb_answer_pus(&w->topology, err);
	if (r == 0)
		r = qb_answer_selection(&w->selection, err);
	if (r == 0 && request->mode != QB_REQUEST_TOPOLOGY)
		r = qb_answer_steps(&w->steps, err);
	return r;
}

int main(int argc, char **argv)
{
	static struct work w;
	struct qb_error err = {0};
	int r;

	if (argc > 2) {
		fprintf(stderr, "%s is started by quietbench\n", argv[0]);
		return 2;
	}
	r = qb_sandbox_enter(!argv[1], &err);
	find_profiles(&w, argv[1]);
	if (r == 0)
		r = qb_message_receive(0, QB_SENDER_CLIENT, &w.message, &err);
	if (r == 0)
		return EXIT_FAILURE; /* nobody asks */
	if (r > 0)
		r = work(&w, &err);
	r = r < 0 ? qb_message_send_error(0, &err) : qb_message_send_done(0, QB_MSG_PLAN);
	qb_steps_free(&w.steps);
	qb_topology_free(&w.topology);
	qb_message_close(&w.message);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
