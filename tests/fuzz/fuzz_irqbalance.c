/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever irqbalance answers to `setup`: refused, or understood within its bounds. */
#include <host/irqbalance.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qb_irqbalance_setup setup = {.sleep = -1};
	char *reply = malloc(size + 1);

	if (!reply)
		return 0;
	memcpy(reply, data, size);
	reply[size] = '\0';
	if (qb_irqbalance_parse_setup(reply, &setup) < 0) {
		if (setup.sleep != -1 || !qb_cpus_empty(&setup.banned))
			abort(); /* a failure must leave the result alone */
	} else if (setup.sleep < 1 || !strstr(reply, "BANNED")) {
		abort();
	}
	free(reply);
	return 0;
}
