#!/bin/bash
# Does a distillation that is killed (kill -9) at random moments end in the same model as one that is
# left alone? Prints both digests and fails if they differ.
#
#   benches/resume.sh STUDENT TEACHER CONFIG DATA [KILLS] [OUT]
#
# Environment: MOST=5 (seconds after a checkpoint, at most, to a kill), SET (keys, as
# "TrainConfig.train_iter=200"). Needs the stages on PATH.
set -euo pipefail

student=$1 teacher=$2 config=$3 data=$4 kills=${5:-5} out=${6:-build/resume}
most=${MOST:-5}
mkdir -p "$out"
changes=()
for key in ${SET:-}; do changes+=(--set "$key"); done

distil() {
  exec act-distill "$student" --teacher "$teacher" -c "$config" --data "$data" "${changes[@]}" \
    --checkpoint-every 1 -o "$1"
}
digest() { act-eval inspect "$1" | awk '$1 == "model_digest" { print $2 }'; }

[ -e "$out/whole.act" ] || (distil "$out/whole.act") 2> "$out/whole.log"

ckpt=$out/broken.act.ckpt/checkpoint.json
rm -rf "$out/broken.act" "$out/broken.act.ckpt"
touch "$out/started"
done=0
while [ ! -e "$out/broken.act" ]; do
  (distil "$out/broken.act") 2> "$out/broken.log" &
  running=$!
  if [ $done -lt "$kills" ]; then
    # A checkpoint first, so that every run gets further, then any moment.
    while [ ! "$ckpt" -nt "$out/started" ] && kill -0 $running 2> /dev/null; do sleep 0.1; done
    sleep "$((RANDOM % most)).$((RANDOM % 10))"
    if kill -9 $running 2> /dev/null; then
      done=$((done + 1))
      echo "kill $done, checkpoint of $(grep -o '"step": *[0-9]*' "$ckpt" | head -1)"
    fi
    touch "$out/started"
  fi
  wait $running 2> /dev/null || { [ $? = 137 ] || { cat "$out/broken.log" >&2; exit 1; }; }
done
echo "whole  $(digest "$out/whole.act")"
echo "broken $(digest "$out/broken.act") after $done kills"
[ "$(digest "$out/whole.act")" = "$(digest "$out/broken.act")" ]
