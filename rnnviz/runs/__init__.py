"""Trained runs on disk: what is known of one, its weights, snapshots, names, and foreign files.

Nothing here unpickles code, and torch is imported only where weights are touched: listing runs
does not wait for it.
"""
