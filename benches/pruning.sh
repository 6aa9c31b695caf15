#!/usr/bin/env bash
# Accuracy without any retraining, by criterion, allocation and share of the encoder's operations
# removed: a Markdown table, the mean of the seeds with the least and the largest. Calibration reads
# train, accuracy dev. Runs once what has not been run: what is in OUT is kept.
#
#   benches/pruning.sh build/small/tnews/base.act ~/clue/tnews build/pruning
set -euo pipefail

[ $# = 3 ] || { echo "usage: benches/pruning.sh BASE.act DATA OUT" >&2; exit 2; }
base=$1 data=$2 out=$3
shares=${SHARES:-0.25 0.5 0.67 0.8}
seeds=${SEEDS:-1 2 3}
criteria=${CRITERIA:-magnitude first_order fisher obs}
bin=${CARGO_TARGET_DIR:-target}/release
mkdir -p "$out"

accuracy() { # MODEL: in percent
  "$bin/act-eval" accuracy "$1" --data "$data" --json -q |
    awk '/"accuracy"/ { found = 1 } found && /"value"/ { gsub(/[^0-9.]/, ""); print 100 * $0; exit }'
}

[ -s "$out/base" ] || accuracy "$base" > "$out/base"
for criterion in $criteria; do
  for seed in $seeds; do
    [ "$criterion" != magnitude ] || [ "$seed" = "${seeds%% *}" ] || continue # it reads no data
    table=$out/$criterion-$seed.tsv
    [ ! -s "$table" ] || continue
    # shellcheck disable=SC2086
    "$bin/examples/retraining_free" "$base" "$data" "$out" "$criterion" "$seed" $shares > "$table.tmp"
    while IFS=$'\t' read -r name gone shapes; do
      printf '%s\t%s\t%s\t%s\n' "$name" "$gone" "$shapes" "$(accuracy "$out/$name.act")"
      rm "$out/$name.act"
    done < "$table.tmp" > "$table.new"
    rm "$table.tmp"
    mv "$table.new" "$table"
    echo "$table" >&2
  done
done

echo "base: $(cat "$out/base") %"
echo
cat "$out"/*.tsv | awk -F'\t' -v shares="$shares" -v criteria="$criteria" '
  { split($1, n, "-"); key = n[2] "-" n[1] "-" n[3]
    sum[key] += $4; count[key]++
    if (!(key in low) || $4 < low[key]) low[key] = $4
    if (!(key in high) || $4 > high[key]) high[key] = $4 }
  END {
    columns = split(shares, s, " "); rows = split(criteria, c, " "); split("uniform global", a, " ")
    head = "| allocation | criterion |"; rule = "| --- | --- |"
    for (i = 1; i <= columns; i++) { head = head sprintf(" %d %% |", 100 * s[i]); rule = rule " ---: |" }
    print head; print rule
    for (i = 1; i <= 2; i++) for (j = 1; j <= rows; j++) {
      line = "| " a[i] " | " c[j] " |"
      for (k = 1; k <= columns; k++) {
        key = a[i] "-" c[j] "-" s[k]
        if (!(key in count)) line = line " not run |"
        else if (count[key] == 1) line = line sprintf(" %.2f |", sum[key])
        else line = line sprintf(" %.2f (%.2f .. %.2f) |", sum[key] / count[key], low[key], high[key])
      }
      print line
    }
  }'
