#!/usr/bin/env bash
# Trains what ships into the folder given, by group: source, docs, chars, recall, tasks, windows,
# context (default: all); the last two need the first three.
# `make assets` does it; what differs within a group is the cell type and its learning rate.
set -euo pipefail
out=$1
shift
groups=${*:-source docs chars recall tasks windows context}
types=${RNN_TYPES:-LSTM GRU RNN_TANH RNN_RELU}
python=${PYTHON:-python3}
# The best of `python assets/search.py GROUP FILE`, see docs/decisions/rates-of-what-ships.md
declare -A source=([LSTM]=2e-2 [GRU]="2e-2 --forget-bias 1" [RNN_TANH]=1.2e-2 [RNN_RELU]=8e-3)
declare -A words=([LSTM]="1e-2 --forget-bias 1" [GRU]=5e-3 [RNN_TANH]=3e-3 [RNN_RELU]=4e-3)
declare -A letters=([LSTM]=2e-2 [GRU]=1e-2 [RNN_TANH]=1.2e-2 [RNN_RELU]=8e-3)
train() {
  "$python" -m rnnviz train --half --out "$out/runs" "$@"
}

for group in $groups; do
  case $group in
    source) for type in $types; do
      train $("$python" assets/search.py source) --rnn-type "$type" --lr ${source[$type]}
    done ;;
    docs) for type in $types; do
      train $("$python" assets/search.py docs) --rnn-type "$type" --lr ${words[$type]}
    done ;;
    chars) for type in $types; do
      name=python-docs-chars-$(tr A-Z_ a-z- <<< "$type")
      train $("$python" assets/search.py chars) --rnn-type "$type" --lr ${letters[$type]} \
        --name "$name"
    done ;;
    recall) OMP_NUM_THREADS=1 "$python" assets/recall.py "$out" ;;
    tasks) OMP_NUM_THREADS=1 "$python" assets/tasks.py "$out" ;;
    windows) "$python" assets/windows.py "$out" ;;
    context) "$python" assets/context.py "$out" ;;
  esac
done
for run in "$out"/runs/* "$out"/recall/*; do # snapshots of the others are too large to ship
  [[ $run == */runs/recall-lstm ]] || rm -rf "$run/snapshots"
  [[ $run != */runs/python-* ]] || "$python" assets/thin.py "$run"
done
