"""The model: cell types, their equations, RNNModel, its loss and evaluation.

Knows nothing of texts, files or trainings. `cell_types`, `model_config` and `parameter_count` do
without torch, so that listing runs does not wait for it.
"""
