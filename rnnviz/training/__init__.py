"""How a model is trained: settings, the loop, one step, the optimizers, several processes.

Knows nothing of files: what is saved, and when, is `runs` and `jobs`.
"""
