"""All models there are: names, files to take along, and models that were trained elsewhere."""

import pandas as pd
import streamlit as st

from rnnviz.analysis import comparison
from rnnviz.app import page
from rnnviz.data import builtin
from rnnviz.runs import archive, importing, library
from rnnviz.runs.info import RunInfo
from rnnviz.runs.names import runs_folder

OWN_TEXTS = "Texts of your own"
LOSS = st.column_config.NumberColumn(format="%.4f")
COLUMNS = {
    **dict.fromkeys(("Validation, nats", "Perplexity", "Bits/character", "Test, nats"), LOSS),
    "Parameters": st.column_config.NumberColumn(format="localized"),
    "Saved": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
}

page.begin("models")
state = st.session_state
st.title("Models")
st.markdown(
    "Every model that the other pages can show: your own, and those that ship. Take one along as "
    "one file, or bring one that was trained elsewhere."
)
known = page.run_list()
own = {name: info for name, info in known.items() if library.is_own(info)}


def row(info: RunInfo) -> dict:
    return {
        "Model": info.name,
        "Validation, nats": info.valid_loss,
        "Cell type": info.rnn_type,
        **{name.capitalize(): loss for name, loss in comparison.losses(info).items()},
        "Corpus": info.corpus,
        "Level": {"char": "characters", "word": "words"}[info.vocab.level],
        "Parameters": info.parameters,
        "From": "own" if info.name in own else "shipped",
        "Saved": page.saved_at(info) if info.name in own else None,
    }


rows = pd.DataFrame([row(info) for info in (own | known).values()])
st.dataframe(
    rows.dropna(axis="columns", how="all"),
    column_config=COLUMNS,
    hide_index=True,
    placeholder="–",
)
st.caption(
    "Parameters count each weight once. Losses are in nats a token of the model's own corpus, "
    "perplexity and bits those of validation: only models of one corpus and one level compare."
)


@st.dialog("Delete this model?")
def ask_to_delete(info: RunInfo) -> None:
    st.markdown(f"{page.plain(info.name)} and its weights will be gone from this machine.")
    keep, remove = st.columns(2)
    if keep.button("Keep it", width="stretch"):
        st.rerun()
    if remove.button("Delete it", type="primary", width="stretch"):
        with page.sentences():
            library.delete(info)
        st.rerun()


def rename(info: RunInfo) -> None:
    with page.sentences():
        state["own_run"] = library.rename(info, state["new_name"].strip()).name


def own_models() -> None:
    state["own_run"] = state.pop("brought", state.get("own_run"))
    if state["own_run"] not in own:
        state["own_run"] = next(iter(own))
    chosen, download, remove = st.columns([2, 1, 1], vertical_alignment="bottom")
    info = own[chosen.selectbox("Model", list(own), key="own_run")]
    busy = page.jobs().in_training(info.name)
    download.download_button(
        "Download as one file",
        lambda: archive.pack(info),
        f"{info.name}.safetensors",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    if remove.button("Delete", icon=":material/delete:", width="stretch", disabled=busy):
        ask_to_delete(info)
    if state.get("named") != info.name or "new_name" not in state:
        state["named"] = state["new_name"] = info.name
    with st.form("rename", border=False):
        field, apply, _ = st.columns([2, 1, 1], vertical_alignment="bottom")
        field.text_input("Name", key="new_name")
        apply.form_submit_button(
            "Rename", on_click=rename, args=(info,), width="stretch", disabled=busy
        )
    if busy:
        st.caption("It is being trained: it can be renamed and deleted when that has ended.")


def bring() -> None:
    count = state.setdefault("brought_count", 0)  # another key empties the uploader
    left, right = st.columns(2)
    file = left.file_uploader(
        "A model: .safetensors or .pt",
        ["safetensors", "pt", "pth"],
        key=f"model_file_{count}",
        max_upload_size=500,
    )
    left.caption(
        "A file downloaded here, or a model of pytorch/examples' word_language_model: its "
        "state_dict, or what its main.py saves. Nothing in the file is run."
    )
    if file is None:
        return
    raw, source, options = file.getvalue(), None, {}
    if not archive.metadata(raw):
        with right:
            corpus = st.selectbox(
                "Trained on", [OWN_TEXTS, *builtin.BUILT_IN], index=None, key="trained_on"
            )
            texts = []
            if corpus == OWN_TEXTS:
                texts = st.file_uploader(
                    "train.txt, valid.txt and test.txt", "txt", True, max_upload_size=500
                )
            kind = st.segmented_control(
                "Nonlinearity, of an RNN whose file does not say", ["tanh", "relu"]
            )
        options["rnn_type"] = kind and f"RNN_{kind.upper()}"
        options["name"] = right.text_input("Name", placeholder="by corpus and cell type").strip()
    if not st.button("Add to your models", type="primary", icon=":material/add:"):
        return

    with page.sentences(), st.spinner("Reading the model and measuring its loss ..."):
        if options and corpus == OWN_TEXTS:
            source = source.from_files({text.name: text.getvalue() for text in texts})
        elif options and corpus:
            source, options["spec"] = corpus.read(corpus), corpus
        info = importing.import_file(raw, file.name, runs_folder(), source, **options)
        state["brought"], state["brought_count"] = info.name, count + 1
        st.toast(f"Added: {page.plain(info.name)}")
        st.rerun()
    page.show_sentence()


st.subheader("Your own")
if own:
    own_models()
else:
    st.info("You have no model of your own yet: train one, or bring one.")
page.show_sentence()
st.subheader("Bring a model")
bring()
