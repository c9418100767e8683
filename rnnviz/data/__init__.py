"""Texts: where they come from, how they become ids, how ids become batches.

Knows nothing of models, files of runs or trainings. `vocab`, `source` and `builtin` do without
torch.
"""
