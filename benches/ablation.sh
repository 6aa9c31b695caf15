#!/bin/bash
# Which losses recover a pruned model best? Trains the small encoder (or takes BASE), prunes it,
# distils it with every combination of losses in ROWS and prints dev accuracies: mean and spread over
# seeds, and the paired difference to the first row with its interval. A finished row is not done
# again, so that a stopped run goes on where it was (act-distill's checkpoints included).
#
#   benches/ablation.sh TASK DATA [OUT]
#
# A row is `labels` (no teacher at all), `default` (the empty section), or weights of losses, such as
# logits=1 or soft_labels=1,labels=0.5,temperature=4. Environment: SEEDS="1 2 3", RATIOS="0.25 0.5",
# ROWS, CONFIGS=configs/sample, BASE (a fine-tuned .act instead of the small encoder), THREADS=0,
# SET (keys of the distillation alone: "TrainConfig.train_iter=600"). Needs the stages on PATH.
set -euo pipefail

task=$1 data=$2 out=${3:-build/ablation/$1}
configs=${CONFIGS:-configs/sample}
seeds=${SEEDS:-1 2 3} ratios=${RATIOS:-0.25 0.5} threads=${THREADS:-0}
rows=${ROWS:-logits=1 labels default}

mkdir -p "$out"
# The recipe without its own losses, so that each row has only those named here.
sed '/^Distillation:/,/^$/d' "$configs/$task.yaml" > "$out/recipe.yaml"
changes=()
for key in ${SET:-}; do changes+=(--set "$key"); done

# made FILE COMMAND...: the command's output under a temporary name first, nothing if it is there.
made() {
  local file=$1; shift
  [ -e "$file" ] || { "$@" -o "$file.tmp" --threads "$threads" -q && mv "$file.tmp" "$file"; }
}

classes() { sed -n 's/.*"label": *"\{0,1\}\([^",}]*\)"\{0,1\}.*/\1/p'; }

# One line a dev example: 1 if the model is right, else 0.
answers() {
  act-eval predict --submission "$1" --threads "$threads" -q < "$data/dev.json" | classes |
    paste -d ' ' - "$out/truth" | awk '{ print ($1 == $2) }' > "$2.tmp"
  mv "$2.tmp" "$2"
}
classes < "$data/dev.json" > "$out/truth"

for seed in $seeds; do
  base=$out/base-$seed.act
  if [ -n "${BASE:-}" ]; then
    cp -n "$BASE" "$base"
  elif [ ! -e "$base" ]; then
    act-convert new --layers 4 --hidden 128 --heads 4 -c "$configs/base.yaml" --data "$data" \
      --task "$task" --seed "$seed" -q -o "$out/new-$seed.act"
    made "$base" act-distill "$out/new-$seed.act" -c "$configs/base.yaml" --data "$data" --seed "$seed"
  fi
  for ratio in $ratios; do
    pruned=$out/pruned-$ratio-$seed.act
    made "$pruned" act-prune "$base" -c "$out/recipe.yaml" --set Prune.pruned_ratio="$ratio" \
      --data "$data" --seed "$seed"
    for row in $rows; do
      result=$out/$row-$ratio-$seed
      [ -e "$result.answers" ] && continue
      losses=(--teacher "$base")
      case $row in
        labels) losses=() ;;
        default) ;;
        *) for weight in ${row//,/ }; do losses+=(--set "Distillation.$weight"); done ;;
      esac
      made "$result.act" act-distill "$pruned" -c "$out/recipe.yaml" --data "$data" --seed "$seed" \
        "${changes[@]}" "${losses[@]}"
      answers "$result.act" "$result.answers"
      rm "$result.act"
      echo "$row $ratio $seed $(awk '{ s += $1 } END { print 100 * s / NR }' "$result.answers")" >&2
    done
    [ -e "$out/base-$ratio-$seed.answers" ] || answers "$base" "$out/base-$ratio-$seed.answers"
    [ -e "$out/pruned-$ratio-$seed.answers" ] || answers "$pruned" "$out/pruned-$ratio-$seed.answers"
  done
done

# Of each row: accuracy in percent, mean and standard deviation over the seeds; then its difference to
# the first row in points. Differences are paired: an example's is the mean over the seeds, and the
# 95 % interval is of their mean over the examples.
first=${rows%% *}
for ratio in $ratios; do
  printf '\n%s pruned\n\n| losses | accuracy | less %s | 95 %% interval |\n|---|---:|---:|---:|\n' "$ratio" "$first"
  for row in base pruned $rows; do
    files=()
    for seed in $seeds; do
      [ ! -e "$out/$row-$ratio-$seed.answers" ] || [ ! -e "$out/$first-$ratio-$seed.answers" ] ||
        files+=("$out/$row-$ratio-$seed.answers" "$out/$first-$ratio-$seed.answers")
    done
    [ ${#files[@]} -gt 0 ] || continue
    paste -d ' ' "${files[@]}" | awk -v row="$row" '
      { difference = 0
        for (i = 1; i < NF; i += 2) { right[i] += $i; difference += $i - $(i + 1) }
        difference /= NF / 2; sum += difference; squares += difference ^ 2; fields = NF }
      END {
        seeds = fields / 2
        for (i = 1; i < fields; i += 2) { x = 100 * right[i] / NR; s += x; q += x * x }
        m = s / seeds; v = seeds > 1 ? (q - seeds * m * m) / (seeds - 1) : 0
        d = 100 * sum / NR; e = 196 * sqrt((squares / NR - (sum / NR) ^ 2) / NR)
        printf "| %s | %.2f ± %.2f (%d) | %+.2f | %+.2f .. %+.2f |\n", row, m, sqrt(v > 0 ? v : 0), seeds, d, d - e, d + e }'
  done
done
