"""The router: `streamlit run app.py` (or `make app`)."""

import streamlit as st

from rnnviz import _paths, _process
from rnnviz.app.navigation import HOME, PAGES

_process.serve_many()
st.set_page_config(page_title="rnnviz", page_icon=str(_paths.ASSETS / "icon.svg"), layout="wide")

pages = [  # without icons: with them, the last page would not fit beside the sidebar at 1440 px
    st.Page(page.file, title=page.title, url_path=page.url_path, default=page is HOME)
    for page in PAGES
]
st.navigation(pages, position="top").run()
