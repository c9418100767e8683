"""The Streamlit app below the pages: controls, caches, components.

With pages/ and app.py the only code that imports streamlit; it imports no plotly. Pages import
from here, nothing else of the package does.
"""
