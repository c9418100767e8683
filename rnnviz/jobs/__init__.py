"""Trainings as work to be done: planned, queued, run, and saved as runs.

Knows nothing of pages and pictures.
"""
