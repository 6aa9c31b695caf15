#!/bin/bash
# Which losses recover a pruned model best? Trains the small encoder (or takes BASE), prunes it,
# distils it with every combination of losses below and prints dev accuracies: mean and spread over
# seeds. A finished row is not done again, so that a stopped run goes on where it was.
#
#   benches/ablation.sh TASK DATA [OUT]
#
# Environment: SEEDS="1 2 3", RATIOS="0.25 0.5", ROWS (names below, default all), CONFIGS=configs/sample,
# STEPS (of distillation; default the recipe's), BASE (a fine-tuned .act instead of the small encoder), THREADS=0. Needs the stages on PATH.
set -euo pipefail

task=$1 data=$2 out=${3:-build/ablation/$1}
configs=${CONFIGS:-configs/sample}
seeds=${SEEDS:-1 2 3} ratios=${RATIOS:-0.25 0.5} threads=${THREADS:-0}

# Weights of the losses, `default` being the empty section and `labels` no teacher at all.
losses() {
  case $1 in
    labels) ;;
    default) ;;
    logits) echo "logits=1" ;;
    logits+labels) echo "logits=1 labels=0.5" ;;
    soft1) echo "soft_labels=1 temperature=1" ;;
    soft2) echo "soft_labels=1 temperature=2" ;;
    soft4) echo "soft_labels=1 temperature=4" ;;
    soft2+labels) echo "soft_labels=1 labels=0.5 temperature=2" ;;
    hidden) echo "hidden=1" ;;
    pooled) echo "pooled=1" ;;
    relations) echo "relations=1" ;;
    logits+hidden) echo "logits=1 hidden=1" ;;
    logits+hidden10) echo "logits=1 hidden=10" ;;
    logits+relations) echo "logits=1 relations=1" ;;
    logits+pooled) echo "logits=1 pooled=1" ;;
    soft2+hidden) echo "soft_labels=1 temperature=2 hidden=1" ;;
    soft2+relations) echo "soft_labels=1 temperature=2 relations=1" ;;
    soft2+hidden+relations) echo "soft_labels=1 temperature=2 hidden=1 relations=1" ;;
    relations+labels) echo "relations=1 labels=0.5" ;;
    logits+labels+relations) echo "logits=1 labels=0.5 relations=1" ;;
    logits+labels+hidden) echo "logits=1 labels=0.5 hidden=1" ;;
    soft2+labels+hidden) echo "soft_labels=1 labels=0.5 temperature=2 hidden=1" ;;
    *) echo "no row is called $1" >&2; exit 2 ;;
  esac
}
rows=${ROWS:-labels logits logits+labels soft1 soft2 soft4 soft2+labels hidden pooled relations \
  logits+hidden logits+relations soft2+hidden soft2+relations relations+labels logits+labels+relations \
  logits+labels+hidden soft2+labels+hidden default}

mkdir -p "$out"
# The recipe without its own losses, so that each row has only those named here.
sed '/^Distillation:/,/^$/d' "$configs/$task.yaml" > "$out/recipe.yaml"
steps=(${STEPS:+--set TrainConfig.train_iter="$STEPS"})

# made FILE COMMAND...: the command's output under a temporary name first, nothing if it is there.
made() {
  local file=$1; shift
  [ -e "$file" ] || { "$@" -o "$file.tmp" --threads "$threads" -q && mv "$file.tmp" "$file"; }
}

accuracy() {
  act-eval accuracy "$1" --data "$data" --threads "$threads" -q --json | tr -d ' \n' |
    sed -n 's/.*"accuracy":{[^}]*"value":\([0-9.]*\).*/\1\n/p'
}

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
      [ -e "$result.accuracy" ] && continue
      teacher=(--teacher "$base")
      for weight in $(losses "$row"); do teacher+=(--set "Distillation.$weight"); done
      [ "$row" != labels ] || teacher=()
      made "$result.act" act-distill "$pruned" -c "$out/recipe.yaml" --data "$data" --seed "$seed" \
        "${steps[@]}" "${teacher[@]}"
      accuracy "$result.act" > "$result.tmp" && mv "$result.tmp" "$result.accuracy"
      rm "$result.act"
      echo "$row $ratio $seed $(cat "$result.accuracy")" >&2
    done
    for model in base pruned; do
      file=$out/$model-$ratio-$seed.accuracy
      of=$base; [ $model = base ] || of=$pruned
      [ -e "$file" ] || { accuracy "$of" > "$file.tmp" && mv "$file.tmp" "$file"; }
    done
  done
done

# Mean and standard deviation over the seeds, of what there is.
printf '| losses |'; printf ' %s pruned |' $ratios; printf '\n|---|'; printf ' ---: |%.0s' $ratios; echo
for row in base pruned $rows; do
  printf '| %s |' "$row"
  for ratio in $ratios; do
    files=$(for seed in $seeds; do ls "$out/$row-$ratio-$seed.accuracy" 2> /dev/null || true; done)
    # shellcheck disable=SC2086
    cat $files /dev/null | awk '{ x = 100 * $1; n++; s += x; q += x * x }
      END { if (!n) { printf " |"; exit }
            m = s / n; v = n > 1 ? sqrt((q - n * m * m > 0 ? q - n * m * m : 0) / (n - 1)) : 0
            if (n > 1) printf " %.2f ± %.2f (%d) |", m, v, n; else printf " %.2f (1) |", m }'
  done
  echo
done
