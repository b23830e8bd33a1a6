/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench provision: what the next boot sets up and keeps (provision/provision.h). plan and verify only look;
 * apply and undo are root's.
 *
 * Exit status: 0; 1: not all of it (a file is kept or not ours, an argument is refused, something did not take
 * effect); 2: there is no answer; verify and undo of what is not provisioned: 3 and 0.
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/condition.h>
#include <cli/lines.h>
#include <cli/query.h>
#include <client/say.h>
#include <provision/provision.h>

#define STATUS_NOT_PROVISIONED 3

static const char *const state_names[] = {
	[QB_PROVISION_WANTED] = "wanted",
	[QB_PROVISION_UNAVAILABLE] = "unavailable",
	[QB_PROVISION_REFUSED] = "refused",
};
static const char *const did_names[] = {
	[QB_PROVISION_NOTHING] = "nothing",
	[QB_PROVISION_WRITTEN] = "written",
	[QB_PROVISION_REMOVED] = "removed",
	[QB_PROVISION_KEPT] = "kept",
	[QB_PROVISION_FOREIGN] = "foreign",
};

static int fail(const char *what, const struct qb_error *err)
{
	qb_say(QB_SAY_ERROR, "provision %s: %s", what, err->text);
	return QB_EXIT_FAILURE;
}

/* ---- what is planned ---- */

static bool is_choosing(const struct qb_options *options)
{
	for (unsigned i = 0; i < options->n_set; i++)
		if (strncmp(options->set[i], "cpus.", 5) == 0)
			return true;
	return qb_option_given(options, CPUS) || qb_option_given(options, NODE);
}

/*
 * What is provisioned stays so until other CPUs are asked for: by itself the choice would avoid several CPUs that
 * are isolated by then. The same number, or `max`, is no other choice. A number stands beside the list: whether it
 * counts cores or CPUs is the profile's.
 */
static void keep_cpus(const struct qb_options *options, const struct qb_provision *now,
	struct qb_request *request)
{
	const int64_t count = options->number[QB_OPTION_COUNT];
	struct qb_cpus cpus;
	unsigned n = 0;

	if (!*now->benchmark || is_choosing(options) ||
		qb_cpus_parse_list(now->benchmark, &cpus) < 0 ||
		(count && count != qb_cpus_count(&cpus)))
		return;
	for (unsigned i = 0; i < request->n_set; i++)
		if (count || strncmp(request->set[i], "cpus.count=", 11) != 0)
			memmove(request->set[n++], request->set[i], sizeof(request->set[i]));
	request->n_set = (uint8_t)n;
	if (n < QB_REQUEST_SETS && qb_text_format(request->set[n], sizeof(request->set[n]),
					   "cpus.list=%s", now->benchmark))
		request->n_set++;
}

/* `now` NULL: as if nothing were provisioned. */
static int ask(const struct qb_cli *cli, const struct qb_provision *now, struct qb_answer *answer,
	struct qb_error *err)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	int r = qb_asked_build(&cli->options, QB_REQUEST_PLAN, &asked, err);

	if (r == 0 && now)
		keep_cpus(&cli->options, now, &asked.request);
	return r < 0 ? r : qb_planner_ask(&asked, answer, err);
}

static int make_plan(const struct qb_cli *cli, const struct qb_provision *now,
	struct qb_answer *answer, struct qb_provision *ret, struct qb_error *err)
{
	int r = ask(cli, now, answer, err);

	/* Not so many cores are in what is provisioned: of that profile these are other CPUs. */
	if (r < 0 && cli->options.number[QB_OPTION_COUNT]) {
		*err = (struct qb_error){0};
		r = ask(cli, NULL, answer, err);
	}
	return r < 0 ? r : qb_provision_plan(answer, now, ret, err);
}

/* ---- as JSON ---- */

static void put_items(struct qb_json *json, const struct qb_provision *p, bool verified)
{
	static const char *const took[] = {
		[QB_PROVISION_UNKNOWN] = "unknown",
		[QB_PROVISION_TOOK] = "yes",
		[QB_PROVISION_NOT] = "no",
	};

	qb_json_array(json, "items");
	for (size_t i = 0; i < p->n_items; i++) {
		const struct qb_provision_item *item = &p->items[i];
		const struct qb_provision_row *row = &qb_provisions[item->row];

		qb_json_object(json, NULL);
		qb_json_text(json, "name", row->name);
		qb_json_text(json, "key", qb_keys[row->key].name);
		qb_json_text(json, "kind", qb_provision_kind_name(row->kind));
		qb_json_text(json, "text", item->text);
		qb_json_text(json, "state", state_names[item->state]);
		qb_json_text(json, "took_effect", verified ? took[item->took] : NULL);
		qb_json_text(json, "reason", *item->reason ? item->reason : NULL);
		qb_json_text(json, "why", row->why);
		qb_json_text(json, "price", row->price);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_files(struct qb_json *json, const struct qb_provision *p)
{
	static const char *const types[] = {
		[QB_PROVISION_FOLDER] = "folder",
		[QB_PROVISION_FILE] = "file",
		[QB_PROVISION_LINK] = "link",
	};

	qb_json_array(json, "files");
	for (size_t i = 0; i < p->n_objects; i++) {
		qb_json_object(json, NULL);
		qb_json_text(json, "path", p->objects[i].path);
		qb_json_text(json, "type", types[p->objects[i].type]);
		qb_json_text(json, "text", p->objects[i].gone ? NULL : p->objects[i].text);
		qb_json_text(json, "did", did_names[p->objects[i].did]);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static int print_json(const char *command, const struct qb_provision *p,
	const struct qb_answer *answer, int status)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/provision/1");
	qb_json_text(json, "command", command);
	qb_json_bool(json, "complete", status == EXIT_SUCCESS);
	if (strcmp(command, "verify") == 0)
		qb_json_bool(json, "booted", p->booted);
	else
		qb_json_bool(json, "changed", p->changed);
	qb_json_object(json, "boot_loader");
	qb_json_text(json, "name", qb_provision_loader_name(p->loader));
	qb_json_text(json, "text", qb_provision_loader_text(p->loader));
	qb_json_end(json);
	qb_json_text(json, "profile", *p->profile ? p->profile : NULL);
	qb_json_text(json, "benchmark", *p->benchmark ? p->benchmark : NULL);
	if (answer)
		qb_json_selection(json, "selection", &answer->selection);
	qb_json_text(json, "arguments", p->args);
	put_items(json, p, strcmp(command, "verify") == 0);
	put_files(json, p);
	return qb_query_print(json, status);
}

/* ---- as text ---- */

static void print_items(const struct qb_provision *p, enum qb_provision_kind kind)
{
	bool any = false;

	for (size_t i = 0; i < p->n_items; i++) {
		const struct qb_provision_item *item = &p->items[i];
		const struct qb_provision_row *row = &qb_provisions[item->row];

		if (row->kind != kind || item->state != QB_PROVISION_WANTED)
			continue;
		if (!any)
			qb_query_section(qb_provision_kind_where(kind));
		any = true;
		printf("  %s\n", item->text);
		qb_lines_wrap(stdout, "      why    ", "             ", row->why);
		qb_lines_wrap(stdout, "      price  ", "             ", row->price);
	}
}

static void print_apart(
	const struct qb_provision *p, enum qb_provision_state state, const char *heading)
{
	bool any = false;

	for (size_t i = 0; i < p->n_items; i++) {
		char first[QB_PROVISION_TEXT + 8];

		if (p->items[i].state != state)
			continue;
		if (!any)
			qb_query_section(heading);
		any = true;
		qb_text_format(first, sizeof(first), "  %s: ", p->items[i].text);
		qb_lines_wrap(stdout, first, "      ", p->items[i].reason);
	}
}

static void print_files(const struct qb_provision *p)
{
	static const char *const would[] = {
		[QB_PROVISION_NOTHING] = "is there",
		[QB_PROVISION_WRITTEN] = "would be written",
		[QB_PROVISION_REMOVED] = "would be removed",
		[QB_PROVISION_KEPT] = "was changed since: kept (--force: not)",
		[QB_PROVISION_FOREIGN] = "is not ours: kept, and the settings in it do not apply",
	};

	qb_query_section(p->n_objects ? "files" : "no files");
	for (size_t i = 0; i < p->n_objects; i++)
		printf("  %-60s %s\n", p->objects[i].path, would[p->objects[i].did]);
}

static int print_plan(const struct qb_provision *p, const struct qb_answer *answer, int status)
{
	char head[512];

	qb_lines_head(&answer->profile, &answer->host, &answer->selection, head, sizeof(head));
	qb_query_heading(head);
	qb_lines_wrap(stdout, "  boot loader: ", "    ", qb_provision_loader_text(p->loader));
	for (enum qb_provision_kind kind = 0; kind < QB_PROVISION_KINDS; kind++)
		print_items(p, kind);
	print_apart(p, QB_PROVISION_UNAVAILABLE, "not available here");
	print_apart(p, QB_PROVISION_REFUSED, "refused");
	print_files(p);
	puts("\nNothing of it changes the running host: it takes effect at the next boot.");
	return status;
}

/* ---- the commands ---- */

static bool is_whole(const struct qb_provision *p)
{
	for (size_t i = 0; i < p->n_items; i++)
		if (p->items[i].state == QB_PROVISION_REFUSED)
			return false;
	for (size_t i = 0; i < p->n_objects; i++)
		if (p->objects[i].did == QB_PROVISION_KEPT ||
			p->objects[i].did == QB_PROVISION_FOREIGN)
			return false;
	return true;
}

static int plan(struct qb_cli *cli)
{
	_cleanup_(qb_provision_free) struct qb_provision now = {0}, wanted = {0};
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_error err = {0};
	int r = qb_provision_read(&now, &err);

	if (r == 0)
		r = make_plan(cli, &now, &answer, &wanted, &err);
	if (r == 0)
		r = qb_provision_preview(
			&now, &wanted, qb_option_given(&cli->options, FORCE), &err);
	if (r < 0)
		return qb_query_fail(&err);
	const int status = is_whole(&wanted) ? EXIT_SUCCESS : QB_EXIT_FAILURE;
	return qb_option_given(&cli->options, JSON) ? print_json("plan", &wanted, &answer, status)
						    : print_plan(&wanted, &answer, status);
}

static void say_objects(const struct qb_provision *p)
{
	for (size_t i = 0; i < p->n_objects; i++) {
		const struct qb_provision_object *object = &p->objects[i];

		switch (object->did) {
		case QB_PROVISION_NOTHING: break;
		case QB_PROVISION_WRITTEN:
		case QB_PROVISION_REMOVED:
			qb_say(QB_SAY_DETAIL, "%s %s", did_names[object->did], object->path);
			break;
		case QB_PROVISION_KEPT:
			qb_say(QB_SAY_WARN, "kept: %s was changed since; to %s it: --force",
				object->path, object->gone ? "remove" : "replace");
			break;
		case QB_PROVISION_FOREIGN:
			qb_say(QB_SAY_WARN,
				"kept: %s is not ours, so the settings in it do not apply",
				object->path);
			break;
		}
	}
	for (size_t i = 0; i < p->n_items; i++)
		if (p->items[i].state != QB_PROVISION_WANTED)
			qb_say(p->items[i].state == QB_PROVISION_REFUSED ? QB_SAY_WARN
									 : QB_SAY_DETAIL,
				"%s: %s: %s", state_names[p->items[i].state], p->items[i].text,
				p->items[i].reason);
}

static void say_applied(const struct qb_provision *p)
{
	if (p->loader == QB_PROVISION_PRINT && *p->args) {
		qb_say(QB_SAY_WARN, "%s", qb_provision_loader_text(p->loader));
		qb_say(QB_SAY_WARN, "the kernel arguments: %s", p->args);
	}
	qb_say(QB_SAY_NOTE,
		p->changed
			? "provisioned with CPUs %s for benchmarks; boot the host, then: quietbench provision verify"
			: "provisioned already with CPUs %s for benchmarks; nothing was changed",
		p->benchmark);
}

static int apply(struct qb_cli *cli)
{
	_cleanup_(qb_provision_free) struct qb_provision now = {0}, wanted = {0};
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_error err = {0};
	int lock = qb_provision_check_host(&err), r;

	if (lock == 0)
		lock = qb_provision_open(true, &now, &err);
	if (lock < 0)
		return fail("apply", &err);
	r = make_plan(cli, &now, &answer, &wanted, &err);
	if (r < 0) {
		wanted = QB_PROVISION_NOTHING_OF(&now);
		if (!now.known) /* the folder of the journal, if it was made for this */
			(void)qb_provision_change(&now, &wanted, false, NULL);
		qb_provision_close(lock);
		return qb_query_fail(&err);
	}
	r = qb_provision_change(&now, &wanted, qb_option_given(&cli->options, FORCE), &err);
	qb_provision_close(lock);
	if (r < 0) {
		qb_say(QB_SAY_NOTE, "what was begun is undone by: quietbench provision undo");
		return fail("apply", &err);
	}
	const int status = is_whole(&wanted) ? EXIT_SUCCESS : QB_EXIT_FAILURE;
	say_objects(&wanted);
	say_applied(&wanted);
	return qb_option_given(&cli->options, JSON) ? print_json("apply", &wanted, &answer, status)
						    : status;
}

static int undo(struct qb_cli *cli)
{
	_cleanup_(qb_provision_free) struct qb_provision now = {0}, wanted = {0};
	struct qb_error err = {0};
	int lock = qb_provision_check_host(&err), r = 0;

	if (lock == 0)
		lock = qb_provision_open(false, &now, &err);
	if (lock < 0 && lock != -ENOENT)
		return fail("undo", &err);
	wanted = QB_PROVISION_NOTHING_OF(&now);
	if (lock >= 0) {
		r = qb_provision_change(&now, &wanted, qb_option_given(&cli->options, FORCE), &err);
		qb_provision_close(lock);
	}
	if (r < 0)
		return fail("undo", &err);
	const int status = is_whole(&wanted) ? EXIT_SUCCESS : QB_EXIT_FAILURE;
	say_objects(&wanted);
	if (wanted.loader == QB_PROVISION_PRINT && *now.args)
		qb_say(QB_SAY_WARN, "remove these kernel arguments by hand: %s", now.args);
	if (status == EXIT_SUCCESS)
		qb_say(QB_SAY_NOTE, wanted.changed ? "undone; the next boot is as before"
						   : "nothing is provisioned");
	return qb_option_given(&cli->options, JSON) ? print_json("undo", &wanted, NULL, status)
						    : status;
}

static void print_verified(const struct qb_provision *p, unsigned failed)
{
	for (size_t i = 0; i < p->n_items; i++) {
		const struct qb_provision_item *item = &p->items[i];
		char first[QB_PROVISION_TEXT + 32];

		if (item->took == QB_PROVISION_TOOK) {
			printf("yes      %s\n", item->text);
			continue;
		}
		qb_text_format(first, sizeof(first),
			"%s  %s: ", item->took == QB_PROVISION_NOT ? "NO     " : "unknown",
			item->text);
		qb_lines_wrap(stdout, first, "         ", item->reason);
	}
	if (failed)
		printf("%u of %zu settings did not take effect\n", failed, p->n_items);
	else
		printf("all %zu settings are in effect on a host with CPUs %s for benchmarks\n",
			p->n_items, p->benchmark);
}

static int verify(struct qb_cli *cli)
{
	_cleanup_(qb_provision_free) struct qb_provision now = {0};
	struct qb_error err = {0};
	unsigned failed = 0;
	int r = qb_provision_read(&now, &err);

	if (r == 0 && !now.known) {
		qb_say(QB_SAY_NOTE, "nothing is provisioned; to do so: quietbench provision apply");
		return STATUS_NOT_PROVISIONED;
	}
	if (r == 0)
		r = qb_provision_verify(&now, &failed, &err);
	if (r < 0)
		return qb_query_fail(&err);
	if (now.pending)
		qb_say(QB_SAY_WARN,
			"a change was begun and not ended: repeat quietbench provision apply, or undo");
	const int status = failed || now.pending ? QB_EXIT_FAILURE : EXIT_SUCCESS;
	if (qb_option_given(&cli->options, JSON))
		return print_json("verify", &now, NULL, status);
	print_verified(&now, failed);
	return status;
}

int qb_cmd_provision(struct qb_cli *cli)
{
	static const struct {
		const char *name;
		int (*run)(struct qb_cli *cli);
	} verbs[] = {{"plan", plan}, {"apply", apply}, {"verify", verify}, {"undo", undo}};

	for (size_t i = 0; i < QB_ARRAY_SIZE(verbs) && cli->argc == 1; i++)
		if (strcmp(cli->argv[0], verbs[i].name) == 0)
			return verbs[i].run(cli);
	qb_say(QB_SAY_ERROR, "provision: expected one of plan, apply, verify, undo%s%s",
		cli->argc ? ", not " : "", cli->argc ? cli->argv[cli->argc > 1] : "");
	return QB_EXIT_USAGE;
}
