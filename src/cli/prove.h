/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of `prove` share. */
#ifndef QB_CLI_PROVE_H
#define QB_CLI_PROVE_H

#include <cli/proof.h>

/* "conditioned: 2.3 times less spread than as it is [1.5, 3.6]: …", or why that is not shown. */
void qb_prove_claim(const struct qb_proof *proof, char *buf, size_t size);
void qb_prove_end_progress(void);
/*
 * After the proof of the whole: for each key of the profile that did something here, the profile
 * against itself without that key. Prints what each is worth, then the smallest profile that keeps nine
 * tenths of the gain, as YAML, and what it was measured to keep.
 */
int qb_prove_each_lever(struct qb_proof *whole, struct qb_error *err);

#endif
