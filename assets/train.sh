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
# The best of `python assets/search.py GROUP FILE`, of source half of it: see
# docs/decisions/rates-of-what-ships.md
declare -A names=([source]=python-source [docs]=python-docs [chars]=python-docs-chars)
declare -A source=([LSTM]=1e-2 [GRU]=5e-3 [RNN_TANH]=6e-3 [RNN_RELU]=4e-3)
declare -A docs=([LSTM]="1e-2 --forget-bias 1" [GRU]=5e-3 [RNN_TANH]=3e-3 [RNN_RELU]=4e-3)
declare -A chars=([LSTM]=2e-2 [GRU]=1e-2 [RNN_TANH]=1.2e-2 [RNN_RELU]=8e-3)
train() {
  "$python" -m rnnviz train --half --out "$out/runs" "$@"
}

for group in $groups; do
  case $group in
    source | docs | chars) declare -n rates=$group
      for type in $types; do
        train $("$python" assets/search.py "$group") --rnn-type "$type" --lr ${rates[$type]} \
          --name "${names[$group]}-$(tr A-Z_ a-z- <<< "$type")"
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
