#!/usr/bin/env bash
# Everything that only a card can show, in one run of at most nine minutes.
#
#     make gpu-bundle                       # here, without a card: builds and packs the folder
#     sh check.sh [STEP...]                 # there, in the unpacked folder; all steps, or some
#
# Needs an NVIDIA card with its driver, NVRTC and CUDA headers, and a python3 with PyTorch for the peer (its
# packages' NVRTC is found too). Every step writes its own file under $OUT (default: results) as it ends,
# and a line of results.txt, so that a run that is cut off keeps what it has. Exit status: steps that failed.
# DEVICE=vulkan (after `make gpu-bundle REHEARSAL=vulkan`) or DEVICE=cpu rehearses every step that is not
# PyTorch's, with small models, short trainings and ten times as long for each, as software is slow.
set -u
cd "$(dirname "$0")" || exit 1
export OUT=${OUT:-$PWD/results} DEVICE=${DEVICE:-cuda}
mkdir -p "$OUT"
failed=0
began=$SECONDS
# Seconds for all of it, and what a step's are multiplied by.
slow=1
[ "$DEVICE" = cuda ] || slow=10
LIMIT=${LIMIT:-$((530 * slow))}

# step NAME LIMIT COMMAND...: runs it for at most LIMIT seconds, if it is asked for.
step() {
    local name=$1 limit=$(($2 * slow)) since=$SECONDS left=$((LIMIT - SECONDS + began)) status
    shift 2
    case " $wanted " in *" $name "* | " all ") ;; *) return ;; esac
    [ "$left" -gt 10 ] || { echo "$name: no time left" | tee -a "$OUT/results.txt"; return; }
    [ "$left" -gt "$limit" ] || limit=$left
    # `timeout` runs programs, and half of the steps are functions.
    timeout "$limit" bash -c '"$@"' "$name" "$@" >"$OUT/$name.txt" 2>&1
    status=$?
    [ $status -eq 0 ] || failed=$((failed + 1))
    echo "$name: exit $status after $((SECONDS - since)) s ($((SECONDS - began)) s in all)" | tee -a "$OUT/results.txt"
    tail -n 4 "$OUT/$name.txt" | sed 's/^/    /' | tee -a "$OUT/results.txt"
}

# Where NVRTC and the CUDA headers are: the toolkit's, or those inside Python packages.
find_cuda() {
    local packages nvrtc
    packages=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)
    nvrtc=$(find /usr/local/cuda*/ "$packages/nvidia" -name 'libnvrtc.so*' 2>/dev/null | head -n 1)
    [ -n "$nvrtc" ] || { echo "no libnvrtc.so: install the CUDA toolkit or a Python package that has it"; return 1; }
    # It is looked for under a name without a version, too.
    mkdir -p lib
    ln -sf "$nvrtc" lib/libnvrtc.so
    export LD_LIBRARY_PATH="$PWD/lib:$(dirname "$nvrtc"):/usr/local/nvidia/lib64:${LD_LIBRARY_PATH:-}"
    if [ -z "${CUDA_PATH:-}" ]; then
        local header
        header=$(find -L /usr/local/cuda*/ "$packages/nvidia" -name cuda_fp16.h 2>/dev/null | head -n 1)
        [ -n "$header" ] || { echo "no cuda_fp16.h: CUDA's headers are not there"; return 1; }
        CUDA_PATH=$(dirname "$(dirname "$header")")
        export CUDA_PATH
    fi
    echo "NVRTC $nvrtc, CUDA_PATH $CUDA_PATH"
}

card() {
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv
    python3 -c 'import torch; print("PyTorch", torch.__version__, torch.cuda.get_device_name(0))'
    grep -m1 "model name" /proc/cpuinfo
    nproc
}

# train LAYERS HIDDEN HEADS STEPS [OPTION...]: the speed of act's training, the card watched meanwhile.
train() {
    local layers=$1 hidden=$2 heads=$3 steps=$4 watch
    shift 4
    nvidia-smi --query-gpu=utilization.gpu,memory.used,power.draw --format=csv,noheader -lms 500 >"$OUT/watch.txt" 2>/dev/null &
    watch=$!
    ./throughput 1 "$steps" "$layers" "$hidden" "$heads" --batch 32 --device "$DEVICE" "$@"
    local status=$?
    kill $watch 2>/dev/null
    sort -t, -k1 -n -r "$OUT/watch.txt" 2>/dev/null | head -n 1 | sed 's/^/card at its busiest (use, memory, power): /'
    return $status
}

# Where the time of a step goes: kernels by time, as CubeCL measures them (each waited for: slower than a run).
profile() {
    mkdir -p profile && (
        cd profile && rm -f log.txt
        { cat ../cubecl.toml; printf '[profiling]\nlogger = { level = "basic", file = "log.txt" }\n'; } >cubecl.toml
        ../throughput 1 3 "$@" --batch 32 --device "$DEVICE" --bf16
        [ -s log.txt ] || { echo "no kernel was timed: $DEVICE has none"; exit 0; }
        # Of the last step: from the first kernel after the last optimiser's but one.
        python3 - <<'END'
import collections, re

steps, seen = [[]], False
for line in open("log.txt"):
    found = re.match(r"\| ([0-9.]+)(ns|µs|ms|s)\s*\| (\w+)", line)
    if not found:
        continue
    name = found[3]
    if seen and not name.startswith("Adam"):
        steps.append([])
    seen = name.startswith("Adam")
    steps[-1].append((name, float(found[1]) * {"ns": 1e-3, "µs": 1, "ms": 1e3, "s": 1e6}[found[2]]))
last = ([step for step in steps if any(name.startswith("Adam") for name, _ in step)] or [[]])[-1]
times, counts = collections.Counter(), collections.Counter()
for name, taken in last:
    times[name] += taken
    counts[name] += 1
print(f"{len(last)} kernels a step, {sum(times.values()) / 1e3:.2f} ms of them")
for name, taken in times.most_common(24):
    print(f"{taken / 1e3:8.2f} ms  {counts[name]:4}  {name}")
END
    )
}

# The same distillation on the card as on the CPU where the bundle was made: within half a point of it. A
# rehearsal's is too short for that one, and is done on this CPU first.
distill() {
    local train="./act-distill pruned.act --teacher base.act -c distill.yaml --data data ${BRIEF:-} $*"
    if [ -n "${BRIEF:-}" ]; then
        $train --device cpu -o cpu.act && ./act-eval accuracy cpu.act --data data --json >cpu.json || return
    fi
    $train --device "$DEVICE" -o student.act --report "$OUT/distill.json" &&
        ./act-eval accuracy student.act --data data --json >card.json &&
        python3 - <<'END'
import json, sys
cpu, card = (json.load(open(name))["accuracy"]["value"] for name in ("cpu.json", "card.json"))
print(f"accuracy on dev: {100 * card:.2f} % on the card, {100 * cpu:.2f} % on the CPU")
sys.exit(abs(card - cpu) > 0.005)
END
}

# Serving elsewhere: the exported int8 model in ONNX Runtime on the card, if this ONNX Runtime has its provider.
serving() {
    python3 - <<'END'
import os, statistics, sys, time

try:
    import numpy as np
    import onnxruntime as ort
except ImportError as e:
    sys.exit(print(f"{e}: nothing measured"))

print("ONNX Runtime", ort.__version__, ort.get_available_providers())
wanted = "CUDAExecutionProvider" if os.environ["DEVICE"] == "cuda" else "CPUExecutionProvider"
if wanted not in ort.get_available_providers():
    sys.exit(print("it has no CUDA provider: nothing measured"))
session = ort.InferenceSession("model.onnx", providers=[wanted])
print("providers in use:", session.get_providers())
inputs = {i.name: np.full((32, 128), 1 if "mask" in i.name else 5 * ("ids" == i.name[-3:]), np.int64) for i in session.get_inputs()}
inputs = {k: np.zeros_like(v) if "type" in k else v for k, v in inputs.items()}
taken = []
for _ in range(60):
    began = time.perf_counter()
    session.run(None, inputs)
    taken.append(time.perf_counter() - began)
print(f"int8 ONNX, 32 x 128: {1e3 * statistics.median(taken[10:]):.2f} ms")
END
}

export -f card train profile distill serving
wanted=${*:-all}
large="6 768 12" small="4 256 4" steps=100
if [ "$DEVICE" = cuda ]; then
    find_cuda || exit 1
    step card 60 card
    peer() { step "$@"; }
else
    large="2 64 2" small="1 32 2" steps=5
    export BRIEF="--set TrainConfig.train_iter=4"
    peer() { echo "$1: PyTorch needs a card"; }
fi
# Kernels are compiled once: later steps load them.
printf '[compilation.cache]\nfile = "%s/compiled"\n' "$PWD" >cubecl.toml
step act-large-bf16 120 train $large $steps --bf16
step profile 45 profile $large
step act-small-bf16 60 train $small $steps --bf16
peer torch-large-bf16 90 python3 torch_train_step.py $large 32 50 --compile
step distill 100 distill
step kernels 90 ./kernels gradcheck:: optim:: --skip encoders --nocapture --test-threads 1
step devices 150 ./devices --nocapture --test-threads 1
step act-large-f32 60 train $large $steps
step distill-bf16 60 distill --set TrainConfig.amp_config.dtype=bfloat16
step act-forward-bf16 60 ./throughput 1 $steps $large --batch 32 --device "$DEVICE" --forward --bf16
step act-forward-f32 45 ./throughput 1 $steps $large --batch 32 --device "$DEVICE" --forward
peer torch-small-bf16 60 python3 torch_train_step.py $small 32 50 --compile
peer torch-large-f32 60 python3 torch_train_step.py $large 32 30 --compile --f32
peer torch-forward-fp16 60 python3 torch_train_step.py $large 32 50 --compile --forward
peer torch-forward-f32 60 python3 torch_train_step.py $large 32 30 --compile --forward --f32
step serving 45 serving
echo "$failed step(s) failed, $((SECONDS - began)) s" | tee -a "$OUT/results.txt"
exit "$failed"
