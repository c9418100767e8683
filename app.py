"""The router: `streamlit run app.py` (or `make app`)."""

import streamlit as st

from rnnviz import _paths, _process

_process.serve_many()
st.set_page_config(page_title="rnnviz", page_icon=str(_paths.ASSETS / "icon.svg"), layout="wide")

pages = [
    st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
    st.Page("pages/gates.py", title="Gates", icon=":material/grid_on:", url_path="gates"),
    st.Page("pages/states.py", title="Cell state", icon=":material/memory:", url_path="states"),
    st.Page(
        "pages/sampling.py",
        title="Sampling",
        icon=":material/casino:",
        url_path="sampling",
    ),
    st.Page(
        "pages/gradients.py",
        title="Gradients",
        icon=":material/trending_down:",
        url_path="gradients",
    ),
    st.Page("pages/train.py", title="Train", icon=":material/model_training:", url_path="train"),
    st.Page(
        "pages/compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"
    ),
    st.Page("pages/models.py", title="Models", icon=":material/inventory_2:", url_path="models"),
]
st.navigation(pages, position="top").run()
