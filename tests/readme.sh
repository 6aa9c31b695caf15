#!/usr/bin/env bash
# Runs every command of README.md in order, in a clean clone of HEAD, and stops at the first that fails. The
# two things that a reader brings, `tickets` and `my-model`, are made here. `make test` takes most of the time.
#
#   tests/readme.sh               # in a temporary folder, which is removed
#   tests/readme.sh FOLDER        # in FOLDER, which must not exist and stays
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
clone=${1:-$(mktemp -d)/act}
[ -n "${1:-}" ] || trap 'rm -rf "$(dirname "$clone")"' EXIT
git clone --quiet "$root" "$clone"
cd "$clone"
unset CARGO_TARGET_DIR
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

sed -n '/^```sh$/,/^```$/{/^```/!p}' README.md > readme.bash
time bash -euo pipefail readme.bash
