/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a profile: from a request, the caller's own files and the system's folders to settings
 * that are complete, judged and free of contradiction.
 *
 * Layers, the strongest first: `-s KEY=VALUE` (of two for one key the last), the named profile,
 * its parent (`extends`), that one's parent, …, the defaults of the table. The first layer that
 * mentions a key decides it; a list replaces a list. A cpus.list also puts aside the cpus.count
 * and cpus.node of weaker layers: `-c 2-3` means both CPUs, whatever the profile counts.
 *
 * Names. request->profile is a name or the label of files[0]; "" is `vm` in a guest, else
 * `default`. A name is [A-Za-z0-9_-]{1,63} and never a path. It is looked for among request->files
 * (a label, or a label's last part without `.yaml`), then as DIR/NAME.yaml in `dirs` in order.
 * A profile of the system extends only profiles of the system.
 *
 * The caller's bytes are hostile: see core/yaml.h for what is accepted at all.
 */
#ifndef QB_CORE_PROFILE_H
#define QB_CORE_PROFILE_H

#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/protocol.h>
#include <stdbool.h>
#include <stddef.h>

/* How long a chain of `extends` may be, the named profile included. */
#define QB_PROFILE_DEPTH 8

/*
 * `fds` are readable files, one for each of request->files (read with pread, never closed);
 * `dirs` ends with NULL. Errors read `FILE:LINE:COL: KEY: …` or `-s KEY=VALUE: …`.
 *
 * -ENOENT: a profile is neither among the files nor in the folders. Then, and only then, its name
 * is stored in ret_missing (may be NULL): the client may own it, attach it and ask again.
 */
int qb_profile_load(const struct qb_request *request, const int *fds, const char *const *dirs,
	bool guest, struct qb_profile *ret, char ret_missing[QB_PROFILE_NAME],
	struct qb_error *err);

/* A profile that a name would find. Its description takes a load. */
struct qb_profile_name {
	char name[QB_PROFILE_NAME];
	char file[QB_PROFILE_FILE];
};

/*
 * The profiles in `dirs`, sorted by name; of two with one name the one in the earlier folder. A
 * folder that does not exist is an empty one. *ret is malloc'd. Reads no profile, needs no libyaml.
 */
int qb_profile_names(
	const char *const *dirs, struct qb_profile_name **ret, size_t *ret_n, struct qb_error *err);

/* [A-Za-z0-9_-]{1,63} */
bool qb_profile_is_name(const char *text);

#endif
