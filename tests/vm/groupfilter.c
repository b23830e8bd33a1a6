/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * groupfilter device|connect FOLDER: attaches to a control group what systemd's DevicePolicy= and IPAddressDeny= do:
 * a BPF program that keeps its processes from /dev/full, or from any connection by IPv4.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(to, offset)                                                                           \
	{                                                                                          \
		.code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = (to), .src_reg = 1, .off = (offset)  \
	}
#define UNLESS(reg, value, skip)                                                                   \
	{                                                                                          \
		.code = BPF_JMP | 0x50 /* BPF_JNE */, .dst_reg = (reg), .imm = (value),            \
		.off = (skip)                                                                      \
	}
#define RETURN(value)                                                                              \
	{.code = BPF_ALU64 | 0xb0 /* BPF_MOV */, .imm = (value)},                                  \
	{                                                                                          \
		.code = BPF_JMP | 0x90 /* BPF_EXIT */                                              \
	}

/* struct bpf_cgroup_dev_ctx: access and type, major, minor */
static const struct bpf_insn no_full[] = {
	LOAD(2, 4), LOAD(3, 8), UNLESS(2, 1, 3), UNLESS(3, 7, 2), RETURN(0), RETURN(1)};
static const struct bpf_insn no_connection[] = {RETURN(0)};

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int main(int argc, char **argv)
{
	static char log[4096];
	union bpf_attr load, attach;
	int device, program;

	if (argc != 3)
		return 2;
	device = strcmp(argv[1], "device") == 0;
	memset(&load, 0, sizeof(load));
	load.prog_type = device ? BPF_PROG_TYPE_CGROUP_DEVICE : BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	load.expected_attach_type = device ? 0 : BPF_CGROUP_INET4_CONNECT;
	load.insns = (uintptr_t)(device ? no_full : no_connection);
	load.insn_cnt = (device ? sizeof(no_full) : sizeof(no_connection)) / sizeof(no_full[0]);
	load.license = (uintptr_t) "GPL";
	load.log_buf = (uintptr_t)log;
	load.log_size = sizeof(log);
	load.log_level = 1;
	program = bpf(BPF_PROG_LOAD, &load);
	if (program < 0) {
		fprintf(stderr, "load: %s\n%s", strerror(errno), log);
		return 1;
	}
	memset(&attach, 0, sizeof(attach));
	attach.target_fd = (uint32_t)open(argv[2], O_RDONLY | O_DIRECTORY);
	attach.attach_bpf_fd = (uint32_t)program;
	attach.attach_type = device ? BPF_CGROUP_DEVICE : BPF_CGROUP_INET4_CONNECT;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	if (bpf(BPF_PROG_ATTACH, &attach) < 0) {
		perror("attach");
		return 1;
	}
	return 0;
}
