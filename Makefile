# SPDX-License-Identifier: GPL-2.0-or-later
# quietbench. The two commands of the README: `make demo` and `make check`.
# V=1 shows commands; BUILD= names another build folder; your CFLAGS and LDFLAGS come last.

VERSION := 0.1.0
PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= cc
PKG_CONFIG ?= pkg-config
# What runs a program of the target on this machine, where they differ: the manual's pages are printed by one.
EMULATOR ?=

bindir     := $(PREFIX)/bin
libexecdir := $(PREFIX)/libexec/quietbench
mandir     := $(PREFIX)/share/man
datadir    := $(PREFIX)/share/quietbench
# Where systemd looks below any of its prefixes (/usr, /usr/local).
systemddir := $(PREFIX)/lib
unitdir    := $(systemddir)/systemd/system
zshdir     := $(PREFIX)/share/zsh/site-functions

# ---- what is linked where: the helper gets neither a parser nor a topology library, nor D-Bus ----
PKGS_HELPER  := libcap
PKGS_PLANNER := hwloc yaml-0.1 libmd
PKGS_CLI     := jansson
PKGS_CONFINE := libseccomp
ifneq ($(WITHOUT_SYSTEMD),1)
ifeq ($(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo yes),yes)
HAVE_SYSTEMD := 1
PKGS_BUS     := libsystemd
endif
endif
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pkg_libs   = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

# ---- flags ----
WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN   := -O2 -g -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
ifeq ($(shell $(CC) -fcf-protection -xc -c /dev/null -o /dev/null 2>/dev/null && echo yes),yes)
HARDEN += -fcf-protection
endif
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed,--gc-sections
SANITIZE ?=
ifeq ($(SANITIZE),1)
HARDEN    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
HARDEN_LD := -fsanitize=address,undefined
SANITIZED := tests/crash/sanitized/options.c
else ifeq ($(SANITIZE),fuzz)
HARDEN    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
HARDEN_LD := -fsanitize=fuzzer,address,undefined
else
HARDEN    += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
FILTERS   := $(BUILD)/confine_filters.c
endif
# Developer builds (a checkout) treat warnings as errors; a released tarball does not.
ifneq ($(wildcard .git),)
WARNINGS += -Werror
endif
CPPFLAGS_ALL := -D_GNU_SOURCE -Iinclude -Isrc -DQB_VERSION='"$(VERSION)"' \
	-DQB_LIBEXECDIR='"$(libexecdir)"' -DQB_DATADIR='"$(datadir)"' -DQB_UNITDIR='"$(unitdir)"' $(if $(HAVE_SYSTEMD),-DHAVE_SYSTEMD)
CFLAGS_ALL    = -std=c17 $(HARDEN) $(WARNINGS) $(CPPFLAGS_ALL) $(call pkg_cflags,$(sort $(PKGS_HELPER) $(PKGS_PLANNER) $(PKGS_BUS) $(PKGS_CLI) $(PKGS_CONFINE))) $(CPPFLAGS) $(CFLAGS)
CFLAGS_ALL   := $(CFLAGS_ALL)

# ---- sources: the folder list is the architecture ----
LIB_SRC     := $(wildcard $(foreach room,base stats model host levers core noise,src/$(room)/*.c))
HELPER_SRC  := $(wildcard src/helper/*.c)
PLANNER_SRC := $(wildcard src/planner/*.c)
WATCHER_SRC := $(wildcard src/watcher/*.c)
BUS_SRC     := $(if $(HAVE_SYSTEMD),$(wildcard src/bus/*.c))
CLI_SRC     := $(wildcard src/client/*.c src/provision/*.c src/cli/*.c)
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB := $(BUILD)/libquietbench.a
PROGRAMS := $(BUILD)/quietbench $(BUILD)/quietbench-helper $(BUILD)/quietbench-planner $(BUILD)/quietbench-watcher \
	$(if $(HAVE_SYSTEMD),$(BUILD)/quietbench-bus)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# Every page of contrib/man, in folders as `man -M $(BUILD)/man` wants them.
PAGES_MAN := $(notdir $(wildcard contrib/man/*.[1578]))
MANUAL := $(foreach page,$(PAGES_MAN),$(BUILD)/man/man$(lastword $(subst ., ,$(page)))/$(page))
# Named as each shell looks for them.
COMPLETIONS := $(BUILD)/completion/quietbench $(BUILD)/completion/_quietbench $(BUILD)/completion/quietbench.fish
CONFIGURED := $(BUILD)/quietbench@.service $(BUILD)/sudoers

all: $(PROGRAMS) $(MANUAL) $(COMPLETIONS) $(CONFIGURED) $(BUILD)/report.html

# Other flags build anew: `make && make install PREFIX=/usr` installs programs that look in /usr.
ifneq ($(file <$(BUILD)/flags),$(CC) $(CFLAGS_ALL))
$(shell mkdir -p $(BUILD))$(file >$(BUILD)/flags,$(CC) $(CFLAGS_ALL))
endif

$(BUILD)/obj/%.o: %.c Makefile $(BUILD)/flags
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The filters of system calls (seccomp) are made once, by a program of this machine's. Sanitized programs have none.
$(BUILD)/confine: $(call obj,contrib/confine/confine.c src/core/confine_rules.c)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_CONFINE)))
$(BUILD)/confine_filters.c: $(BUILD)/confine
	$(say) FILTERS $@
	$(Q)$(EMULATOR) $< >$@

$(LIB): $(call obj,$(LIB_SRC) $(FILTERS))
	$(say) AR $@
	$(Q)rm -f $@; $(AR) rcs $@ $^

link = $(Q)$(CC) $(HARDEN) $(HARDEN_LD) $(LDFLAGS) $(1) -o $@ $(2)
$(BUILD)/quietbench: $(call obj,$(CLI_SRC) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_CLI)) -lm)
$(BUILD)/quietbench-helper: $(call obj,$(HELPER_SRC) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_HELPER)))
$(BUILD)/quietbench-planner: $(call obj,$(PLANNER_SRC) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_PLANNER)) -lcpupower -lm)
$(BUILD)/quietbench-watcher: $(call obj,$(WATCHER_SRC) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^)
$(BUILD)/quietbench-bus: $(call obj,$(BUS_SRC) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_BUS)))

# The manual: what the tables have comes from the tables themselves, those of the command line among them.
$(BUILD)/manual: $(call obj,contrib/man/manual.c)
$(BUILD)/completer: $(call obj,contrib/completion/completion.c)
$(BUILD)/manual $(BUILD)/completer: $(call obj,$(filter-out src/cli/main.c,$(CLI_SRC)) $(SANITIZED)) $(LIB)
	$(say) LD $@
	$(call link,$^,$(call pkg_libs,$(PKGS_CLI)) -lm)
# The page that `report` fills in: one file, with its style, its script and the library that draws (Debian's node-d3).
D3 ?= /usr/share/nodejs/d3/dist/d3.min.js
PAGE := $(addprefix src/report/page.,html css js)
$(BUILD)/report.html: $(PAGE) $(D3)
	$(call say,PAGE,$@)
	$(Q)awk 'function put(file, line) { while ((getline line < file) > 0) print line } \
		/^@STYLE@$$/ { put("src/report/page.css"); next } /^@SCRIPT@$$/ { put("src/report/page.js"); next } \
		/^@D3@$$/ { put("$(D3)"); next } { print }' src/report/page.html >$@.new && mv $@.new $@
$(MANUAL): $(BUILD)/manual
	$(say) MAN $@
	$(Q)mkdir -p $(@D)
	$(Q)$(EMULATOR) $(BUILD)/manual $(@F) <contrib/man/$(@F) >$@
$(foreach page,$(MANUAL),$(eval $(page): contrib/man/$(notdir $(page))))
# And completion, alike.
$(BUILD)/completion/quietbench: contrib/completion/quietbench.bash
$(BUILD)/completion/_quietbench: contrib/completion/quietbench.zsh
$(BUILD)/completion/quietbench.fish: contrib/completion/quietbench.fish
$(COMPLETIONS): $(BUILD)/completer
	$(say) COMPL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(EMULATOR) $(BUILD)/completer $(if $(filter %.fish,$@),fish,sh) <$(filter contrib/%,$^) >$@

# What names the installed helper.
$(BUILD)/quietbench@.service: contrib/systemd/quietbench@.service.in
$(BUILD)/sudoers: contrib/sudoers/quietbench.in
$(CONFIGURED): Makefile $(BUILD)/flags
	$(say) SED $@
	$(Q)sed 's|@libexecdir@|$(libexecdir)|' $(filter %.in,$^) >$@

include tests/tests.mk

# ---- what a machine needs ----
BUILD_PACKAGES := gcc make pkg-config node-d3 libhwloc-dev libcpupower-dev libyaml-dev libjansson-dev \
	libsystemd-dev libseccomp-dev libcap-dev libmd-dev
TEST_PACKAGES  := libcmocka-dev perl clang libclang-rt-14-dev strace jq python3-jsonschema python3-prometheus-client python3-yaml git chromium bash-completion zsh fish tmux parallel libjemalloc2 libmimalloc2.0 hyperfine libbenchmark-dev linux-perf g++ mandoc \
	util-linux procps hwloc-nox sudo bash cpulimit gdb \
	qemu-system-x86 systemd busybox-static acpica-tools cpio kmod xz-utils libelf1 gcc-12 irqbalance \
	gcc-aarch64-linux-gnu qemu-user-static qemu-system-arm device-tree-compiler
DEB_PACKAGES   := debhelper dpkg-dev fakeroot lintian
FULL_PACKAGES  := $(DEB_PACKAGES) rpm ansible podman crun prometheus slurm-wlm munge golang-go default-jdk-headless nodejs nginx-light wrk bpftrace debootstrap e2fsprogs qemu-efi-aarch64 cargo librust-criterion-dev
BENCH_PACKAGES := perl rt-tests hyperfine
LINT_PACKAGES  := clang-format cppcheck

# Installs only what is missing, and only where apt is there and we may.
deps:
	$(Q)contrib/deps/install $(BUILD_PACKAGES)
deps-check: deps
	$(Q)contrib/deps/install $(TEST_PACKAGES) $(LINT_PACKAGES) $(if $(QB_FULL),$(FULL_PACKAGES))

demo: deps
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/sample
	$(Q)contrib/demo/demo $(BUILD)
$(BUILD)/sample: contrib/demo/sample.c
	$(say) CC $@
	$(Q)$(CC) -std=c17 -O2 -D_GNU_SOURCE $(WARNINGS) -o $@ $<

# What is installed, as MODE:SOURCE:FILE; uninstall takes exactly that away.
put = $(foreach source,$(3),$(1):$(source):$(2)/$(notdir $(source)))
INSTALLED := $(call put,0755,$(bindir),$(BUILD)/quietbench) \
	$(call put,0755,$(libexecdir),$(filter-out $(BUILD)/quietbench,$(PROGRAMS))) \
	$(call put,0644,$(datadir)/profiles,$(wildcard profiles/*.yaml)) \
	$(call put,0644,$(datadir),$(BUILD)/report.html $(BUILD)/sudoers contrib/policy/policy.yaml $(wildcard contrib/schema/*.json)) \
	$(call put,0755,$(datadir)/ci,contrib/ci/benchmark) \
	$(call put,0644,$(datadir)/ci,contrib/ci/gitlab.yml) \
	$(call put,0755,$(datadir)/slurm,contrib/slurm/prolog contrib/slurm/epilog) \
	$(foreach section,1 5 7 8,$(call put,0644,$(mandir)/man$(section),$(filter %.$(section),$(MANUAL)))) \
	$(call put,0644,$(PREFIX)/share/bash-completion/completions,$(BUILD)/completion/quietbench) \
	$(call put,0644,$(zshdir),$(BUILD)/completion/_quietbench) \
	$(call put,0644,$(PREFIX)/share/fish/vendor_completions.d,$(BUILD)/completion/quietbench.fish) \
	$(call put,0644,$(unitdir),contrib/systemd/quietbench.socket $(BUILD)/quietbench@.service) \
	0644:contrib/systemd/sysusers.conf:$(systemddir)/sysusers.d/quietbench.conf \
	0644:contrib/systemd/tmpfiles.conf:$(systemddir)/tmpfiles.d/quietbench.conf
install_with = $(Q)DESTDIR='$(DESTDIR)' FOLDERS='$(datadir)/folders' contrib/install/install
install: all
	$(install_with) install $(INSTALLED)
uninstall:
	$(install_with) uninstall $(INSTALLED)

# What is linked into the programs that root executes, in lines.
root-lines: $(PROGRAMS)
	$(Q)contrib/root-lines/root-lines $(BUILD) quietbench-helper quietbench-watcher $(if $(HAVE_SYSTEMD),quietbench-bus)

DIST := quietbench-$(VERSION).tar.gz
dist:
	$(Q)contrib/dist/dist quietbench-$(VERSION) $(DIST)

# Packages are made of the tarball, in folders of their own. They do not run the tests.
DEB_VERSION ?= $(VERSION)
deb:
	$(Q)contrib/deps/install $(BUILD_PACKAGES) $(DEB_PACKAGES)
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb
	$(Q)$(MAKE) --no-print-directory dist DIST=$(BUILD)/deb/$(DIST)
	$(Q)contrib/deb/build $(BUILD)/deb quietbench-$(VERSION) $(DEB_VERSION)
RPMBUILD ?= rpmbuild
rpm:
	$(Q)rm -rf $(BUILD)/rpm && mkdir -p $(BUILD)/rpm/SOURCES
	$(Q)$(MAKE) --no-print-directory dist DIST=$(BUILD)/rpm/SOURCES/$(DIST)
	$(Q)cp $(D3) $(BUILD)/rpm/SOURCES/d3.min.js
	$(Q)$(RPMBUILD) -D '_topdir $(abspath $(BUILD)/rpm)' -D 'quietbench_version $(VERSION)' -ba contrib/rpm/quietbench.spec

clean:
	rm -rf $(BUILD)

C_FILES = $(shell find include src tests contrib -name '*.[ch]')
format:
	$(Q)clang-format -i $(C_FILES)
lint:
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(Q)cppcheck --quiet --std=c17 --enable=warning,performance,portability --error-exitcode=1 \
		--inline-suppr $(CPPFLAGS_ALL) \
		$(LIB_SRC) $(HELPER_SRC) $(PLANNER_SRC) $(WATCHER_SRC) $(BUS_SRC) $(CLI_SRC)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.PHONY: all root-lines deps deps-check demo install uninstall dist deb rpm clean format lint
.DELETE_ON_ERROR:
