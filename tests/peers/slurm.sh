#!/usr/bin/env bash
# make clue on a Slurm cluster of one node, on loopback, against make clue without it: the same
# models. Needs root and Debian's slurm-wlm and munge; touches nothing outside a temporary folder.
#
#   tests/peers/slurm.sh        # after make build; a few minutes
set -euo pipefail
cd "$(dirname "$0")/../.."

for program in munged slurmctld slurmd srun; do
  PATH=$PATH:/usr/sbin command -v "$program" > /dev/null ||
    { echo "slurm.sh: no $program: apt-get install slurm-wlm munge" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "slurm.sh: slurmd must be root" >&2; exit 2; }
PATH=$PATH:/usr/sbin

folder=$(mktemp -d)
chmod 755 "$folder"
started=()
finish() {
  kill "${started[@]}" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

# Authentication: a key and a socket of our own.
mkdir "$folder/munge" "$folder/state" "$folder/spool"
head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 600 "$folder/munge/key"
munged --foreground --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
  --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" 2> "$folder/munged.out" &
started+=($!)

node=$(hostname -s)
cores=$(nproc)
cat > "$folder/slurm.conf" << CONF
ClusterName=loopback
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
slurmctld -D -i 2> "$folder/slurmctld.out" &
started+=($!)
slurmd -D -N "$node" 2> "$folder/slurmd.out" &
started+=($!)
for _ in $(seq 60); do
  sinfo --noheader --format=%T 2> /dev/null | grep -q idle && break
  sleep 1
done
sinfo --noheader --format=%T | grep -q idle ||
  { echo "slurm.sh: the node does not come up" >&2; tail "$folder"/*.log >&2; exit 1; }
echo "slurm.sh: $(srun --version), $(sinfo --noheader --format='%D node, %C cores (used/idle/other/all)')"

# The script of docs/cluster.md: its first block of code.
sed -n '/^```sh$/,/^```$/p;' docs/cluster.md | sed '/^```$/,$d; 1d' > "$folder/srun-shell"
chmod 755 "$folder/srun-shell"

tiny=(LAYERS=2 HIDDEN=32 SAMPLE_FLAGS='--train 1000 --dev 100' REPORT_FLAGS='--seconds 0' CARGO=true THREADS=1)
make --no-print-directory -j2 clue "${tiny[@]}" BUILD="$folder/here" > /dev/null 2> "$folder/here.log"
CPUS=1 make --no-print-directory -j2 clue "${tiny[@]}" BUILD="$folder/there" SHELL="$folder/srun-shell" \
  > /dev/null 2> "$folder/there.log" || { tail "$folder/there.log" >&2; exit 1; }

jobs=$(grep -c '_job_complete: JobId=.* done' "$folder/slurmctld.log" || true)
[ "$jobs" -ge 28 ] || { echo "slurm.sh: only $jobs jobs ran" >&2; tail "$folder/slurmctld.log" >&2; exit 1; }
digests() { (cd "$1" && find . -name '*.act' | sort | xargs sha256sum); }
if diff <(digests "$folder/here") <(digests "$folder/there"); then
  echo "slurm.sh: $(digests "$folder/there" | wc -l) models, byte for byte, by $jobs jobs"
else
  echo "slurm.sh: other models than without Slurm" >&2
  exit 1
fi
