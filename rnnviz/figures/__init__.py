"""Arrays in, something to show out: plotly figures, messages for the browser, LaTeX, HTML.

The only wing that imports plotly. Nothing here runs a model or imports streamlit or `app`.
"""
