#!/usr/bin/env bash
# What pruning costs, by criterion, allocation and share of the encoder's operations removed: two
# Markdown tables, accuracy without any retraining and after a short distillation, the mean of the
# seeds with the least and the largest. Calibration and training read train, accuracy dev. What is
# in OUT is kept: an interrupted run goes on where it was.
#
#   benches/pruning.sh BASE.act ~/clue/tnews build/pruning
#   STEPS=300 CONFIG=configs/sample/tnews.yaml benches/pruning.sh BASE.act ~/clue/tnews build/pruning
set -euo pipefail

[ $# = 3 ] || { echo "usage: benches/pruning.sh BASE.act DATA OUT" >&2; exit 2; }
base=$1 data=$2 out=$3
shares=${SHARES:-0.25 0.5 0.67 0.8}
seeds=${SEEDS:-1 2 3}
criteria=${CRITERIA:-magnitude first_order fisher obs}
# What is distilled: for so many steps (0: nothing), which methods, which shares in which seeds.
steps=${STEPS:-0}
config=${CONFIG:-}
methods=${METHODS:-first_order-uniform fisher-global obs-global}
pairs=${PAIRS:-0.5-1 0.25-1 0.67-1 0.8-1 0.5-2 0.5-3}
bin=${CARGO_TARGET_DIR:-target}/release
mkdir -p "$out"

accuracy() { # MODEL: in percent
  "$bin/act-eval" accuracy "$1" --data "$data" --json -q |
    awk '/"accuracy"/ { found = 1 } found && /"value"/ { gsub(/[^0-9.]/, ""); print 100 * $0; exit }'
}

# Does COMMAND.. once: its output is FILE when it has ended well.
once() { # FILE COMMAND..
  [ -s "$1" ] || { "${@:2}" > "$1.tmp" && mv "$1.tmp" "$1"; }
}

prune() { # CRITERION SEED: the models OUT/CRITERION-ALLOCATION-SHARE-SEED.act and their shapes
  # shellcheck disable=SC2086
  "$bin/examples/retraining_free" "$base" "$data" "$out" "$1" "$2" $shares
}

distil() { # NAME SEED
  "$bin/act-distill" "$out/$1.act" --teacher "$base" --data "$data" ${config:+-c "$config"} \
    --set TrainConfig.train_iter="$steps" --seed "$2" -q -o "$out/$1.student.act"
  accuracy "$out/$1.student.act"
  rm "$out/$1.student.act"
}

table() { # SUFFIX: the means of OUT/CRITERION-ALLOCATION-SHARE-SEED.SUFFIX
  (cd "$out" && grep -H . ./*-*-*-*."$1" 2>/dev/null) | sed 's|^\./||; s|\.'"$1"':|-|' |
    awk -F- -v shares="$shares" -v criteria="$criteria" '
    { key = $1 "-" $2 "-" $3; sum[key] += $5; count[key]++
      if (!(key in low) || $5 < low[key]) low[key] = $5
      if (!(key in high) || $5 > high[key]) high[key] = $5 }
    END {
      columns = split(shares, s, " "); rows = split(criteria, c, " "); split("uniform global", a, " ")
      head = "| allocation | criterion |"; rule = "| --- | --- |"
      for (i = 1; i <= columns; i++) { head = head sprintf(" %d %% |", 100 * s[i]); rule = rule " ---: |" }
      print head; print rule
      for (i = 1; i <= 2; i++) for (j = 1; j <= rows; j++) {
        line = "| " a[i] " | " c[j] " |"; any = 0
        for (k = 1; k <= columns; k++) {
          key = c[j] "-" a[i] "-" s[k]
          if (!(key in count)) { line = line " |"; continue }
          any = 1
          line = line sprintf(" %.2f", sum[key] / count[key])
          if (count[key] > 1) line = line sprintf(" (%.2f .. %.2f)", low[key], high[key])
          line = line " |"
        }
        if (any) print line
      }
    }'
}

once "$out/base" accuracy "$base"
for criterion in $criteria; do
  for seed in $seeds; do
    [ "$criterion" != magnitude ] || [ "$seed" = "${seeds%% *}" ] || continue # it reads no data
    once "$out/$criterion-$seed.shapes" prune "$criterion" "$seed"
    while IFS=$'\t' read -r name _; do
      once "$out/$name.pruned" accuracy "$out/$name.act"
    done < "$out/$criterion-$seed.shapes"
  done
done
if [ "$steps" != 0 ]; then
  for pair in $pairs; do
    for method in $methods; do
      once "$out/$method-$pair.distilled" distil "$method-$pair" "${pair#*-}"
    done
  done
fi

echo "base: $(cat "$out/base") %; without retraining:"
echo
table pruned
[ "$steps" = 0 ] || { echo; echo "After $steps steps of distillation:"; echo; table distilled; }
