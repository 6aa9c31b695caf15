#!/usr/bin/env bash
# Runs every command of README.md in order, in a clean clone of HEAD, and stops at the first that fails. The
# two things that a reader brings, `tickets` and `my-model`, are made here. `make test` takes most of the time.
# The Chinese README has the same commands, or this ends at once.
#
#   tests/readme.sh               # in a temporary folder, which is removed
#   tests/readme.sh FOLDER        # in FOLDER, which must not exist and stays
set -euo pipefail
. "$(dirname "$0")/follow.sh"
in_clone "${1:-}"
without_comments() { sed -n '/^```sh$/,/^```$/{/^```/!{s/ *#.*//;p}}' "$1"; }
diff <(without_comments README.md) <(without_comments README.zh-CN.md)
make build
export PATH=$PWD/target/release:$PATH

mkdir tickets
rows() {  # ten questions for each team in each month given
  printf 'question\tteam\n'
  for month; do for day in $(seq 10); do
    printf 'Why was I charged %s times in %s?\tbilling\n' "$day" "$month"
    printf 'No signal since %s %s, what now?\tnetwork\n' "$day" "$month"
  done; done
}
rows January February March April May June > tickets/train.tsv
rows July August > tickets/dev.tsv
cp -r tickets described
act-data describe described --write
act-convert new --layers 2 --hidden 64 --heads 2 --data described -q | act-convert export -o my-model/

follow README.md
