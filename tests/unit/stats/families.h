/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Series of times as machines give them: what simulations of an experiment draw from. */
#ifndef QB_UNIT_STATS_FAMILIES_H
#define QB_UNIT_STATS_FAMILIES_H

#include <math.h>
#include <stats/random.h>

#include <cmocka.h>

#define assert_within(got, wanted, by) assert_true(fabs((got) - (wanted)) <= (by))

static inline double uniform(struct qb_random *random)
{
	return ((double)(qb_random_next(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller, one of the two. */
static inline double normal(struct qb_random *random)
{
	const double radius = sqrt(-2 * log(uniform(random)));

	return radius * cos(2 * M_PI * uniform(random));
}

enum family {
	NORMAL,
	SKEWED,	  /* exponential */
	HEAVY,	  /* Student's with 3 degrees of freedom */
	BIMODAL,  /* two speeds, by lot */
	OUTLIERS, /* 1 % take half as long again */
	ALIKE,	  /* neighbours are alike: an AR(1) of 0.9 */
	BURSTS,	  /* a neighbour comes and goes, some 20 runs each */
	DRIFT,	  /* 10 % from the first to the last */
	STEPS,	  /* a new level every 30 runs or so */
	FAMILIES
};

/* ln of the times of n runs, one after the other; some 1 % of noise. */
static inline void draw(enum family family, double *ret, size_t n, struct qb_random *random)
{
	double level = normal(random);
	int on = 0;

	for (size_t i = 0; i < n; i++) {
		const double z = normal(random);
		double x = z;

		switch (family) {
		case NORMAL: break;
		case SKEWED: x = -log(uniform(random)); break;
		case HEAVY: {
			double square = 0;

			for (int k = 0; k < 3; k++)
				square += pow(normal(random), 2);
			x = z / sqrt(square / 3);
			break;
		}
		case BIMODAL: x = z / 4 + (uniform(random) < 0.3 ? 3 : 0); break;
		case OUTLIERS: x = z + (uniform(random) < 0.01 ? 40 : 0); break;
		case ALIKE:
			level = 0.9 * level + sqrt(1 - 0.81) * z;
			x = level;
			break;
		case BURSTS:
			on = uniform(random) < 0.05 ? !on : on;
			x = z / 2 + (on ? 4 + 2 * normal(random) : 0);
			break;
		case DRIFT: x = z / 2 + 10 * (double)i / (double)n; break;
		case STEPS:
			level = uniform(random) < 1 / 30.0 ? 3 * normal(random) : level;
			x = z / 2 + level;
			break;
		case FAMILIES: break;
		}
		ret[i] = x / 100;
	}
}

#endif
