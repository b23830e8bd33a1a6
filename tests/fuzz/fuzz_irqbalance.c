/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever irqbalance answers to `setup`: refused, or understood within its bounds. */
#include "fuzz.h"
#include <host/irqbalance.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qb_irqbalance_setup setup = {.sleep = -1};
	_cleanup_free_ char *reply = text_of(data, size);

	if (qb_irqbalance_parse_setup(reply, &setup) < 0)
		must(setup.sleep == -1 && qb_cpus_empty(&setup.banned));
	else
		must(setup.sleep >= 1 && strstr(reply, "BANNED"));
	return 0;
}
