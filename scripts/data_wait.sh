#!/usr/bin/env bash
# Trains the models of dlrm_bench on native files and shows for which share of the time a step waits for its data.
#
#   scripts/data_wait.sh [MODEL...] [--FLAG...]     MODEL: kaggle kaggle-2k terabyte bench multihot gaudi-cat; default: all
#
# Flags are passed on to dlrm_train (--shuffle=blocks, --prefetch-batches=N). Needs a release build and 4 GB of memory; ids
# are uniform, as those of dlrm_bench. Files are made in build/data_wait, at most 0.7 GB at a time, and read from the page cache.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

tools=build/release/tools
work=build/data_wait
criteo=1460,583,10131227,2202608,305,24,12517,633,3,93145,5683,8351593,3194,27,14992,5461306,10,5652,2173,4,7046547,18
criteo+=,15,286181,105,142572

# repeat COUNT WORD SEPARATOR
repeat() {
  local words
  words=$(printf "%0.s$2$3" $(seq "$1"))
  echo "${words%"$3"}"
}

# What tools/bench/configs.cpp says of a model.
choose() {
  dense=13 hotness=1 op=dot
  dim=16 bottom=512-256-64-16 top=512-256-1
  if [[ $1 =~ ^(terabyte|multihot)$ ]]; then
    dim=128 bottom=512-256-128 top=1024-1024-512-256-1
  fi
  case $1 in
    kaggle) tables=$criteo batch=128 steps=2000 ;;
    kaggle-2k) tables=$criteo batch=2048 steps=120 ;;
    terabyte) tables=$(sed -E 's/\b[0-9]{7,}\b/1000000/g' <<<"$criteo") batch=2048 steps=40 ;;
    bench)
      dense=512 dim=64 bottom=512-64 top=1024-1024-1024-1
      tables=$(repeat 8 1000000 ,) hotness=100 batch=2048 steps=70
      ;;
    multihot) tables=$(repeat 26 200000 ,) hotness=20 batch=1024 steps=40 ;;
    gaudi-cat)
      dense=1024 dim=64 bottom=1024-1024-64 top=$(repeat 7 4096 -)-1 op=cat
      tables=3000000 hotness=38 batch=512 steps=10
      ;;
    *) fail "no model '$1', expected kaggle, kaggle-2k, terabyte, bench, multihot or gaudi-cat" ;;
  esac
}

models=() flags=()
for word; do
  if [[ $word == --* ]]; then flags+=("$word"); else models+=("$word"); fi
done
[ ${#models[@]} -gt 0 ] || models=(kaggle kaggle-2k terabyte bench multihot gaudi-cat)

for model in "${models[@]}"; do
  choose "$model"
  rm -rf "$work"
  "$tools/dlrm_data" generate --to=native --out="$work" --rows=$((batch * steps)) --dense="$dense" --tables="$tables" \
    --hotness="$hotness" --ids=uniform >/dev/null
  say "$model: $steps steps of $batch samples ${flags[*]}"
  "$tools/dlrm_train" --train-data="$work" --mini-batch-size="$batch" --print-freq="$steps" --loss-function=bce \
    --arch-sparse-feature-size="$dim" --arch-mlp-bot="$dense-$bottom" --arch-mlp-top="$top" \
    --arch-interaction-op="$op" "${flags[@]}" | sed -n '/^summary/,$p'
done
rm -rf "$work"
