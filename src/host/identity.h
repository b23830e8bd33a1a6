/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What machine is this: the processor's name, and is there a hypervisor below.
 *
 * Read from files alone (/proc/cpuinfo, DMI, device tree, clock sources), so that a captured host
 * answers for itself and not for the machine it is looked at on. All of it is for people and for
 * the choice of the profile `vm`; a host that does not tell gives "" and false, never an error.
 */
#ifndef QB_HOST_IDENTITY_H
#define QB_HOST_IDENTITY_H

#include <quietbench/value.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "AMD EPYC 7451 24-Core Processor"; on arm "Cortex-A510 + Cortex-X3"; "" when unknown. */
void qb_identity_cpu_model(char *buf, size_t size);
/* The same from the text of /proc/cpuinfo, which is changed. */
void qb_identity_parse_model(char *cpuinfo, char *buf, size_t size);
/*
 * Which design the core of each of these CPUs is of (ret has QB_CPUS_MAX places): implementer and
 * part of an arm core; 0 where it has no such number or the host does not tell. Of one maker's the
 * newer design mostly has the higher number.
 */
void qb_identity_core_designs(const struct qb_cpus *cpus, uint32_t *ret);
/* Is this an x86 machine? By its CPU flags: not where the host does not tell. */
bool qb_identity_x86(void);
/* Is a hypervisor below? Its name ("KVM", "Xen", …) goes to buf, "" when it does not say. */
bool qb_identity_guest(char *buf, size_t size);

#endif
