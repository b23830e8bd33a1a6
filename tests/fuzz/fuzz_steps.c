/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an encoded step: refused, or exactly what its step is encoded to. */
#include "steps.h"
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char buf[6 * QB_TEXT_MAX];
	struct qb_steps steps = {0};
	_cleanup_free_ char *bytes = text_of(data, size);
	int r = qb_step_decode(&steps, bytes, size);

	must(r == 0 || r == -EBADMSG);
	must(steps.n == (r == 0));
	if (r == 0) {
		must(check_step(&steps.v[0], buf, sizeof(buf)) == size);
		must(memcmp(buf, data, size) == 0);
	}
	qb_steps_free(&steps);
	return 0;
}
