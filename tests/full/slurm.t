#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# contrib/slurm on a cluster of this machine alone: a job that asks for a quiet node is conditioned and joins, another is not; its
# check stays with it; a node that fails its check is drained. slurmctld, slurmd and munged are ended afterwards.
# Alone: its runs have CPUs to themselves.
. "$(dirname "$0")/../cli/lib.sh"
PATH=$PATH:/usr/sbin
slurm=$tmp/slurm
mkdir -p "$slurm/state" "$slurm/spool" "$tmp/job"
started=
end_all() {
	for pid in $started; do kill "$pid" 2>/dev/null; done
	for pid in $started; do wait "$pid" 2>/dev/null; done
	"$qb" restore -q
	rm -rf "$tmp"
}
trap end_all EXIT
within() { left=$1 && shift && until "$@" >/dev/null 2>&1; do left=$((left - 1)) && [ $left -ge 0 ] || return 1; sleep 1; done; }

head -c 128 /dev/urandom >"$slurm/key"
chmod 400 "$slurm/key"
node=$(hostname -s)
cat >"$slurm/slurm.conf" <<EOF
ClusterName=quiet
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.sock
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/ctld.pid
SlurmdPidFile=$slurm/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
MpiDefault=none
ReturnToService=2
SwitchType=switch/none
JobCompType=jobcomp/none
Prolog=$slurm/prolog
Epilog=$slurm/epilog
PrologFlags=Alloc
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) Features=quiet State=UNKNOWN
PartitionName=bench Nodes=ALL Default=YES MaxTime=10 OverSubscribe=EXCLUSIVE State=UP
EOF
# Where quietbench and its settings are here
for script in prolog epilog; do
	{
		echo '#!/bin/sh'
		echo "export PATH=$tmp/build:\$PATH QUIETBENCH_SLURM=$slurm/settings SLURM_CONF=$slurm/slurm.conf"
		echo "exec $source/contrib/slurm/$script"
	} >"$slurm/$script"
	chmod 755 "$slurm/$script"
done
settings() { printf '%s\n' "QB_KEEP=$slurm/keep" "QB_APPLY='-p base -s kernel.timer_migration=false -s cpus.isolation=none'" "QB_CHECK='$1'" >"$slurm/settings"; }
lax='--duration 3s -s check.max_preempted=100% -s check.max_gaps=100% -s check.max_gap=1s -s check.max_steal=100% -s check.max_speed_deviation=100%'
export SLURM_CONF="$slurm/slurm.conf"
munged --foreground --force --key-file="$slurm/key" --socket="$slurm/munge.sock" --pid-file="$slurm/munge.pid" \
	--seed-file="$slurm/munge.seed" --log-file="$slurm/munge.log" --syslog 2>"$slurm/munged.err" &
started=$!
within 10 [ -S "$slurm/munge.sock" ]
slurmctld -D -i >"$slurm/slurmctld.log" 2>&1 &
started="$started $!"
slurmd -D >"$slurm/slurmd.log" 2>&1 &
started="$started $!"
state() { sinfo -h -N -o %t; }
ok "a cluster" within 30 sh -c '[ "$(sinfo -h -N -o %t)" = idle ]' || tail -n 5 "$slurm"/*.log "$slurm/munged.err" | sed 's/^/# /'

settings "$lax"
cat >"$tmp/job/job.sh" <<EOF
#!/bin/sh
$tmp/build/quietbench status
echo "status \$?"
$tmp/build/quietbench run --no-check -o run.json -- true 2>&1
EOF
# job NAME OPTION...: its output
job() { (cd "$tmp/job" && timeout 60 sbatch --wait -n 1 --time 2 -o "$1.out" $2 job.sh >"$1.id" 2>&1); }
job quiet --constraint=quiet
sed 's/^/# /' "$tmp/job/quiet.out"
sinfo -h -N -o '# %t %E'
ok "a quiet job: conditioned" grep -q '^status 0$' "$tmp/job/quiet.out"
is "a quiet job: its run joins" "$(jq -r .conditioned "$tmp/job/run.json")" joined
id=$(sed -n 's/^Submitted batch job //p' "$tmp/job/quiet.id")
ok "a quiet job: its check is with it" within 20 [ -s "$tmp/job/quietbench-$id.json" ]
is "a quiet job: and is a record" "$(jq -r .schema "$tmp/job/quietbench-$id.json")" quietbench/record/1
"$qb" status >/dev/null
is "afterwards: not conditioned" "$?" 3
is "afterwards: the node is not drained" "$(within 20 sh -c '[ "$(sinfo -h -N -o %t)" = idle ]'; state)" idle

job plain ""
ok "another job: not conditioned" grep -q '^status 3$' "$tmp/job/plain.out"

settings '--duration 3s -s check.max_gap=1ns -s check.max_gaps=0%'
(cd "$tmp/job" && sbatch --constraint=quiet -n 1 --time 2 -o noisy.out job.sh >noisy.id 2>&1)
ok "a noisy node: drained" within 40 sh -c 'case $(sinfo -h -N -o %t) in drain* | drng*) ;; *) false ;; esac'
like "a noisy node: with the reason" "$(sinfo -h -N -o %E)" '^quietbench: noisy: .*gaps'
ok "a noisy node: the job did not run there" [ ! -e "$tmp/job/noisy.out" ]
finish
