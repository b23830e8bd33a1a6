# shellcheck shell=bash disable=SC2034 # boot uses what is set here
# SPDX-License-Identifier: GPL-2.0-or-later
# machines.sh: the machines that boot emulates. machine_NAME sets for boot what differs between them:
#
#   ready       the folder of the kernel: vmlinuz and modules/NN-NAME.ko
#   leave_out   modules of it that this machine must not load (patterns)
#   system      where the guest's programs and libraries come from: "" is this machine, else a folder with another's
#   ports       the guest's serial ports for the script's output and for its status
#   driver      the cpufreq driver that must have bound
#   qemu        the emulator with its arguments, but for CPUs, memory and kernel
#   append      the kernel's arguments, before those of the caller
#   early       a folder of what the kernel takes out of its initrd before it unpacks that, or ""
# and describes the hardware in $work, as firmware would.

# One thread for all CPUs: a CPU of TCG's that runs in a thread of its own may still meet the breakpoint with which another
# has just patched the kernel's code. 6.12 crashes of it, 5.10 hangs in one boot of ten, 6.1 in one of twenty guests
# (perf_event_open and its end patch the scheduler).
tcg=(-accel "tcg,thread=single")
early=

need() {
	local tool
	for tool; do command -v "$tool" >/dev/null || die "$tool is not installed: run make deps-check"; done
}

# acpi_table COMMAND...: compiles what COMMAND prints
acpi_table() {
	need iasl
	"$@" >"$work/table.dsl"
	iasl -p "$work/table" "$work/table.dsl" >"$work/iasl.log" 2>&1 || die "iasl refused the ACPI table: $(tail -n 5 "$work/iasl.log")"
}

# x86 MODEL ACPI-TABLE ARGUMENT...: TCG's cmpxchg16b spoils the flags now and then, which crashes 6.12; its mwait does not wait, and
# 5.10 would idle in it.
x86() {
	need qemu-system-x86_64
	ready=$("$here/prepare") || die "no kernel to boot (see above)"
	system="" ports=ttyS1,ttyS2
	acpi_table "${@:2}"
	append="console=ttyS0 mitigations=off no_timer_check"
	qemu=(qemu-system-x86_64 -machine q35 "${tcg[@]}" -cpu "$1,-cx16,-monitor" -acpitable "file=$work/table.aml"
		-serial "file:$work/console" -serial stdio -serial "file:$work/status")
}

# P-states by acpi-cpufreq, turbo, SMT. An Intel model, because QEMU's default has no SMT.
machine_intel() {
	x86 max,vendor=GenuineIntel,family=6,model=85,stepping=7 "$here/ssdt" "$cpus" "${clock:-$threads}"
	driver=acpi-cpufreq leave_out=""
}

# amd-pstate, its registers in memory that the kernel leaves alone. Under TCG such a processor has no SMT.
amd() {
	local mode=$1 registers=0x3e000000
	[ "$threads" = 1 ] || die "-s $smp: a core of this machine has one thread"
	[ "$memory" = 1024 ] || die "-m $memory: the registers of this machine are in the last of 1024 MiB"
	x86 max,vendor=AuthenticAMD,family=25,model=1 "$here/ssdt-cppc" x86 "$cpus" "$registers"
	append+=" amd_pstate=$mode amd_pstate.shared_mem=1 memmap=64K\$$registers"
	leave_out="*-ida.ko *-acpi-cpufreq.ko"
}
machine_amd() {
	amd passive
	driver=amd-pstate
}
# Active: the processor is told limits and a preference, and chooses. Since Linux 6.3.
machine_amd-epp() {
	amd active
	driver=amd-pstate-epp
}

# arm64 QEMU'S-MACHINE
arm64() {
	local folder=${QB_BUILD:-$here/../../build}/arm64
	need qemu-system-aarch64 qemu-aarch64-static
	[ -d "$folder/root" ] || die "$folder/root is missing: run make arm64"
	"$here/../arm64/prepare" "$folder" kernel || die "no kernel to boot (see above)"
	system=$(cd "$folder/root" && pwd) ready=$folder/kernel ports=ttyS0,ttyS1
	append="console=ttyAMA0"
	qemu=(qemu-system-aarch64 -machine "$1" "${tcg[@]}" -cpu cortex-a57 -serial "file:$work/console"
		-chardev stdio,id=output -chardev "file,id=status,path=$work/status"
		-device pci-serial-2x,chardev1=output,chardev2=status)
}

# arm64 with two kinds of core, each with a clock of its own by cpufreq-dt, as a device tree says.
machine_biglittle() {
	local virt=virt,gic-version=3
	need dtc
	arm64 "$virt"
	nodes=1 topology=$cpus,sockets=1,clusters=$sockets,cores=$cores,threads=$threads
	qemu-system-aarch64 -machine "$virt,dumpdtb=$work/virt.dtb" -cpu cortex-a57 -m "$memory" -smp "$topology" -display none \
		>"$work/qemu.log" 2>&1 || die "QEMU gave no device tree: $(tail -n 5 "$work/qemu.log")"
	dtc -q -I dtb -O dts "$work/virt.dtb" >"$work/machine.dts" && "$here/dts" "$cpus" >>"$work/machine.dts" &&
		dtc -q -I dts -O dtb -o "$work/machine.dtb" "$work/machine.dts" >"$work/dtc.log" 2>&1 || die "dtc refused the device tree: $(tail -n 5 "$work/dtc.log")"
	qemu+=(-dtb "$work/machine.dtb")
	driver=cpufreq-dt leave_out="*-cppc_cpufreq.ko"
}

# arm64 with ACPI and UEFI, its clock by cppc_cpufreq. QEMU takes no table of ours here: the kernel does, from its initrd; and it
# leaves the registers' memory alone because it is told to have less than there is.
machine_uefi() {
	local registers=0x6c000000 firmware=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
	[ "$memory" = 1024 ] || die "-m $memory: the registers of this machine are in the last of 1024 MiB"
	[ -r "$firmware" ] || die "$firmware is missing: install qemu-efi-aarch64"
	arm64 virt,gic-version=3
	acpi_table "$here/ssdt-cppc" arm64 "$cpus" "$registers"
	early=$work/early
	mkdir -p "$early/kernel/firmware/acpi"
	cp "$work/table.aml" "$early/kernel/firmware/acpi/cppc.aml"
	append+=" acpi=force mem=700M"
	qemu+=(-bios "$firmware")
	driver=cppc_cpufreq leave_out="*-cpufreq-dt.ko"
}
