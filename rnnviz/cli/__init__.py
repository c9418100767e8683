"""The command line: its options, its commands, and what it says on the terminal.

May import everything below (jobs, figures, analysis, runs, ...), never `rnnviz.app` or streamlit.
Modules that need torch are imported inside functions, so that `--help` and `rnnviz runs` start
at once.
"""
