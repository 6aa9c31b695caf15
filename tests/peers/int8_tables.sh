#!/usr/bin/env bash
# The comparison of docs/benchmarks/int8.md, made in one run: MiniLM fine-tuned on four English data sets and a small
# encoder trained on TNEWS; act's int8 (static, per token) and 4 bits beside NNCF and ONNX Runtime; then their times.
#
#   tests/peers/int8_tables.sh WORK DATA MINILM [TASK...]
#
# DATA holds mrpc, sst2, cola, banking77 and tnews as their makers ship them, the middle two with what `act-data
# describe FOLDER --write` writes. MINILM is the encoder's folder. The act programs and a Python with
# tests/peers/ptq-requirements.txt must be on the PATH, `cargo build --release -p act-infer --example timed` done.
# What exists in WORK is not made again, so that a run that was cut goes on. Hours, most of them training.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$1 data=$2 minilm=$3
shift 3
[ $# -gt 0 ] || set -- mrpc sst2 cola banking77 tnews
timed=${TIMED:-target/release/examples/timed}

config() {
  local recipes=configs/minilm
  case $1 in
    mrpc | sst2) echo "$recipes/$1.yaml" ;;
    tnews) echo configs/sample/tnews.yaml ;;
    *) echo "$recipes/own.yaml" ;;
  esac
}

split() {
  case $1 in mrpc | banking77) echo test ;; *) echo dev ;; esac
}

base() { # TASK OUT
  local c=$(config "$1")
  local asked=(--data "$data/$1" --seed 42)
  [ "$1" != cola ] || asked+=(--set-any TrainConfig.epochs=3)
  if [ "$1" = tnews ]; then
    act-convert new --layers 4 --hidden 128 --heads 4 -c "$c" --task tnews "${asked[@]}" -q |
      act-distill -c configs/sample/base.yaml "${asked[@]}" -o "$2"
  else
    act-convert import "$minilm" -c "$c" "${asked[@]}" -q | act-distill -c "$c" "${asked[@]}" -o "$2"
  fi
}

quantise() { # TASK FORM SCHEMES BITS
  local out=$work/$1/$2.act
  [ -e "$out" ] || act-quant "$work/$1/base.act" -c "$(config "$1")" --data "$data/$1" --seed 42 \
    --set "QuantPost.schemes=$3" --bits "$4" -o "$out" --report "${out%.act}.json"
}

for task; do
  folder=$work/$task
  mkdir -p "$folder"
  [ -e "$folder/base.act" ] || base "$task" "$folder/base.act"
  # Every linear in int8: where scales must be static nothing is per token, and nothing stays in float.
  quantise "$task" static '[static, smooth, smooth_at_run_time]' 8
  quantise "$task" per-token '[dynamic]' 8
  quantise "$task" four-bits '[dynamic]' 4
  models=(--model "$folder/base.act")
  for form in static per-token four-bits; do models+=(--int8 "$folder/$form.act"); done
  [ -e "$folder/ptq.json" ] || python3 tests/peers/ptq.py "$folder" --data "$data/$task" "${models[@]}" --split "$(split "$task")" \
    --no-histograms | tee "$folder/ptq.md"
done
# All times behind all trainings: the machine is to do nothing else.
for task; do
  folder=$work/$task
  models=(--model "$folder/base.act")
  for form in static per-token four-bits; do models+=(--int8 "$folder/$form.act"); done
  python3 tests/peers/ptq_times.py "$folder" "${models[@]}" --split "$(split "$task")" --timed "$timed" |
    tee "$folder/times.md"
done
python3 tests/peers/int8_summary.py "$work" "$@"
