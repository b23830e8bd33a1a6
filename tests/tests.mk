# SPDX-License-Identifier: GPL-2.0-or-later
# What `make check`, `make bench` and `make bench-noise` run. Included by the Makefile.
#
# Unit tests (cmocka, TAP; tests/unit/X/Y.c is that of src/X/Y.c) run against a sanitized build in $(BUILD)/san;
# everything else drives the release build as users get it: tests/cli (golden output, TAP), tests/hosts (substituted
# hosts), tests/crash (a kill or a fault at every step), tests/fuzz (libFuzzer, a moment each), tests/vm (a real kernel
# under QEMU), tests/arm64 (the same with a cross build). `make check-full` adds tests/full, and tests/sysvm (a whole
# Debian under QEMU).

TESTS := $(BUILD)/tests
UNIT  := $(patsubst tests/unit/%.c,$(TESTS)/unit/%,$(wildcard tests/unit/*/*.c))
TEST_PKGS := $(sort $(PKGS_HELPER) $(PKGS_PLANNER) $(PKGS_BUS) $(PKGS_CLI)) cmocka

$(TESTS)/unit/%: $(BUILD)/obj/tests/unit/%.o $(filter-out %/main.o,$(call obj,$(CLI_SRC))) $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$^,$(call pkg_libs,$(TEST_PKGS)) -lcpupower -lm)
# The helper is a program of its own, and has functions with the names of the client's.
$(TESTS)/unit/helper/%: $(BUILD)/obj/tests/unit/helper/%.o $(filter-out %/main.o,$(call obj,$(HELPER_SRC))) $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$^,$(call pkg_libs,$(sort $(PKGS_HELPER) cmocka)))
# Those who ask systemd find quietbench-bus in this very program: a child of it (tests/unit/fake_program.h).
BUS_UNIT := $(addprefix $(TESTS)/unit/,levers/services host/systemd)
$(BUS_UNIT): $(TESTS)/unit/%: $(BUILD)/obj/tests/unit/%.o $(filter-out %/main.o,$(call obj,$(CLI_SRC) $(BUS_SRC))) $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$^,$(call pkg_libs,$(TEST_PKGS)) -lcpupower -lm)
unit: $(UNIT)

# Small programs the tests use. They stand alone: libc only.
TOOLS := $(TESTS)/with-host $(TESTS)/strike $(TESTS)/sudo $(TESTS)/switchlog $(patsubst tests/lib/%.c,$(TESTS)/%,$(wildcard tests/lib/*.c))
TOOL_CFLAGS := -std=c17 -O2 -g -D_GNU_SOURCE $(WARNINGS)
$(TESTS)/with-host: tests/hosts/with-host.c tests/hosts/guard.c tests/hosts/guard.h
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $(filter %.c,$^)
$(TESTS)/strike: $(wildcard tests/crash/*.[ch])
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $(filter %.c,$^)
$(TESTS)/sudo: tests/vm/sudo.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $<
$(TESTS)/%: tests/lib/%.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $<
# These speak the protocol, so they are linked with our own library.
ATTACK := $(TESTS)/attacker $(TESTS)/fake-planner
$(ATTACK): $(TESTS)/%: $(BUILD)/obj/tests/attack/%.o $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$(filter %.o,$^) $(LIB),$(call pkg_libs,$(PKGS_HELPER)))
# What a planner of ours gives up, given up by one that then tries to get it back.
$(TESTS)/fake-planner: $(call obj,src/planner/sandbox.c)
$(TESTS)/hostile: tests/attack/hostile.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $<
tools: $(TOOLS) $(ATTACK) $(TESTS)/hostile

# The same for arm64, with the packages of tests/arm64/prepare; its unit tests run under qemu-user, all else in guests.
ARM64_ROOT  := $(abspath $(BUILD)/arm64/root)
ARM64_RUN   := qemu-aarch64-static -L $(ARM64_ROOT)
ARM64_PKGS  := $(addprefix $(ARM64_ROOT)/usr/,lib/aarch64-linux-gnu/pkgconfig share/pkgconfig)
ARM64_BUILD := BUILD=$(BUILD)/arm64 CC='aarch64-linux-gnu-gcc --sysroot=$(ARM64_ROOT)' AR=aarch64-linux-gnu-ar CFLAGS= LDFLAGS= EMULATOR='$(ARM64_RUN)' \
	PKG_CONFIG='env PKG_CONFIG_SYSROOT_DIR=$(ARM64_ROOT) PKG_CONFIG_LIBDIR=$(subst $() ,:,$(ARM64_PKGS)) pkg-config'
# qemu-user lacks SO_PEERGROUPS (what asks for it runs in tests/arm64/biglittle.t) and ptrace, tells masks otherwise, and loses
# a descriptor that goes with an empty packet.
ARM64_NOT   := $(addprefix $(TESTS)/unit/,helper/peer helper/policy helper/guardian helper/wire host/move)
ARM64_UNIT   = $(patsubst $(TESTS)/%,'$(ARM64_RUN) $(BUILD)/arm64/tests/%',$(filter-out $(ARM64_NOT),$(UNIT)))
arm64:
	$(Q)tests/arm64/prepare $(BUILD)/arm64 root libc6-dev $(filter lib%,$(BUILD_PACKAGES)) libcmocka-dev busybox-static jq
	$(Q)$(MAKE) --no-print-directory $(ARM64_BUILD) all unit

SCRIPTS = $(wildcard tests/cli/*.t tests/hosts/*.t tests/crash/*.t tests/fuzz/*.t tests/vm/*.t tests/arm64/*.t) $(if $(QB_FULL),$(FULL_TESTS))
check: deps-check
	$(Q)$(MAKE) --no-print-directory all tools programs
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/san SANITIZE=1 all unit
	$(Q)$(MAKE) --no-print-directory $(FUZZ_BUILD) fuzzers
	$(Q)$(MAKE) --no-print-directory arm64
	$(Q)QB_BUILD=$(abspath $(BUILD)) BUILD=$(BUILD) tests/run \
		$(patsubst $(TESTS)/%,$(BUILD)/san/tests/%,$(UNIT)) $(ARM64_UNIT) $(SCRIPTS)

# The same, with every kill and every fault (without QB_FULL the matrices of tests/crash take some in steps), more runs
# in a row, tests/vm on Debian's other kernels, and what takes too long for every change.
FULL_VM := check conditioned kill lease owed smt statuses topologies
FULL_TESTS = $(wildcard tests/full/*.t tests/sysvm/*.t) \
	$(foreach kernel,5.10 6.12,$(FULL_VM:%='QB_VM_KERNEL=$(kernel) tests/vm/%.t'))
check-full:
	$(Q)QB_FULL=1 $(MAKE) --no-print-directory check

bench: deps
	$(Q)$(MAKE) --no-print-directory all tools $(TESTS)/bare $(TESTS)/measure
	$(Q)tests/bench/run $(BUILD)
# How accurate `check` is, beside others, and whether what `run` says of a run is so: some 16 minutes on a quiet machine
# (QB_QUICK=1: a taste of it).
NOISE_TOOLS := $(addprefix $(TESTS)/,injector switchlog explain record fixed)
bench-noise: deps
	$(Q)contrib/deps/install $(BENCH_PACKAGES)
	$(Q)$(MAKE) --no-print-directory all $(NOISE_TOOLS)
	$(Q)tests/bench/noise $(BUILD); noise=$$?; tests/bench/verdicts $(BUILD) && exit $$noise
# What compare and prove are worth on this host, beside hyperfine and the ways people pin today: ten minutes at most.
bench-evidence: deps
	$(Q)contrib/deps/install $(BENCH_PACKAGES)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/sample
	$(Q)tests/bench/evidence $(BUILD)
# What demo and the benches run is built by every check, so that neither breaks unseen.
programs: $(BUILD)/sample $(NOISE_TOOLS) $(TESTS)/bare $(TESTS)/measure
.PHONY: programs
# These are made of what `check` is made of.
$(TESTS)/explain $(TESTS)/record: $(TESTS)/%: $(BUILD)/obj/tests/bench/%.o $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$^,-lm)
$(TESTS)/%: tests/bench/%.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_CFLAGS) -o $@ $<

# libFuzzer over every parser (tests/fuzz/README.md). A build of its own, as the sanitized one is; `fuzzers` is made in
# it. `make fuzz SECONDS=600` runs long: what it finds, what it learnt and its logs stay in $(BUILD)/fuzz/found.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
$(TESTS)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(call obj,src/cli/options.c src/cli/options_table.c) $(LIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(call link,$^,$(call pkg_libs,$(TEST_PKGS)) -lcpupower -lm)
fuzzers: $(FUZZERS:%=$(TESTS)/fuzz/%)
FUZZ_BUILD := BUILD=$(BUILD)/fuzz SANITIZE=fuzz CC=clang
SECONDS ?= 30
fuzz: deps-check
	$(Q)$(MAKE) --no-print-directory $(FUZZ_BUILD) fuzzers
	$(Q)tests/fuzz/long $(BUILD)/fuzz $(SECONDS) $(FUZZERS)

# Random sessions, rivals and blows in guests, and the whole host compared after each: an hour; a minute in `check`.
SOAK_SECONDS ?= 3600
soak: deps-check
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)QB_BUILD=$(abspath $(BUILD)) SOAK_SECONDS=$(SOAK_SECONDS) tests/vm/soak.t

.PHONY: arm64 check check-full soak bench bench-noise bench-evidence fuzz fuzzers unit tools
.SECONDARY:
