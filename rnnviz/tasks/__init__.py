"""Small tasks for the five shapes of input and output: examples that are made, models, scores.

Nothing here looks inside a model (that is `analysis`) or draws.
"""
