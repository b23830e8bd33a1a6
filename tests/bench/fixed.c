/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fixed: the same work each time, some 100 ms of arithmetic in registers. What it takes is the CPU's doing. */
#include <stdint.h>

int main(void)
{
	volatile uint64_t result;
	uint64_t x = 1;

	for (long i = 0; i < 100000000; i++) {
		x *= UINT64_C(6364136223846793005);
		__asm__ volatile("" : "+r"(x)); /* nor may the compiler fold two into one */
	}
	result = x;
	return result == 0;
}
