#!/usr/bin/env bash
# Trains a small DLRM and shows how good it is. Sets up the machine and builds first.
#
#   scripts/demo.sh          on generated clicks, of which the best AUC that any model could reach is known
#   scripts/demo.sh FILE     on a raw Criteo file, plain or .gz: label, 13 integers, 26 categories, tabs;
#                            the last fifth of its rows is the test set
set -euo pipefail
. "$(dirname "$0")/lib.sh"

file=
if [ $# -gt 0 ]; then
  file=$OLDPWD/$1
  [[ $1 != /* ]] || file=$1
  [ -f "$file" ] || fail "no file '$1'"
fi
work=build/demo
program=build/release/tools

# The model of the README's results. Ids seen once in training share a row.
recipe=(--arch-sparse-feature-size=16 --arch-mlp-bot=13-128-64-16 --arch-mlp-top=128-64-1
        --optimizer=adagrad --learning-rate=0.02 --mini-batch-size=128 --min-frequency=2
        --loss-function=bce --test-mini-batch-size=2048 --test-freq=1000000 --print-freq=500)

split_file() {
  say "splitting $file: four fifths to train, one to test"
  local rows
  rows=$(gzip -cdf -- "$file" | wc -l) || fail "'$file' cannot be read to its end"
  [ "$rows" -ge 5 ] || fail "'$file' has $rows lines, expected at least 5"
  gzip -cdf -- "$file" |
    awk -v train="$work/train.tsv" -v test="$work/test.tsv" -v last=$((rows - rows / 5)) \
      '{ print > (NR <= last ? train : test) }'
}

# The number of a name in the last event of a kind in the JSON log, or in planted.json.
last_number() {
  python3 - "$@" <<'PYTHON'
import json, sys
path, event, name = sys.argv[1:]
events = [json.loads(line) for line in open(path)]
print(f"{[e for e in events if e.get('event', '') == event][-1][name]:.4f}")
PYTHON
}

scripts/setup.sh
use_cmake
say "building (a few minutes the first time)"
configure release release
build release dlrm_train dlrm_data

mkdir -p "$work"
if [ -n "$file" ]; then
  split_file
else
  say "generating clicks with a planted signal"
  "$program/dlrm_data" generate --rows=400000 --test-rows=50000 --seed=1 --out="$work"
fi

say "training"
command=("$program/dlrm_train" --data-set=tsv --train-file="$work/train.tsv" --test-file="$work/test.tsv"
         "${recipe[@]}" --json-log="$work/log.json")
echo "${command[*]}"
"${command[@]}"

say "result"
printf 'test AUC                            %s\n' "$(last_number "$work/log.json" test auc)"
if [ -z "$file" ]; then
  printf 'best AUC that any model could reach %s\n' "$(last_number "$work/planted.json" "" best_auc)"
fi
