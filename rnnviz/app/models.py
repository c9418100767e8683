"""The Models page: the table of all runs, what can be done with one's own, and imports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st
from streamlit.column_config import NumberColumn

from rnnviz.analysis import comparison
from rnnviz.app import page, state, training_caches
from rnnviz.app.values import give
from rnnviz.data.builtin import BUILT_IN
from rnnviz.data.source import Source, from_files
from rnnviz.figures import style
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs import archive, importing, library
from rnnviz.runs.info import RunInfo
from rnnviz.runs.names import runs_folder
from rnnviz.runs.parts import PARTS
from rnnviz.runs.recurrent import Ambiguous

MAX_UPLOAD = 500  # MB
FILE_TYPES = ["safetensors", "pt", "pth", "ckpt", "bin", "pkl", "tar", "net", "model"]
FILE_TYPES += ["json", "zip", "npz", "h5", "hdf5", "t7", "pt2"]  # are told what to do instead
OWN_TEXTS = "Texts of your own"
_BLOCKS = [cell.blocks for cell in CELL_TYPES.values()]
# Cell types whose weights have the same shapes: a file may not say which of them it is.
ALIKE = [kind for kind, cell in CELL_TYPES.items() if _BLOCKS.count(cell.blocks) > 1]
LEVELS = {"char": "characters", "word": "words"}
LOSSES = {  # labels, short so that the table fits beside the sidebar
    "Validation, nats": "Validation",
    "Perplexity": "Perplexity",
    "Bits/character": "Bits/char",
    "Test, nats": "Test",
}
COLUMNS = {
    "Parameters": NumberColumn(format="localized", help=page.ABOUT_PARAMETERS),
    "Saved": st.column_config.DatetimeColumn(format="YYYY-MM-DD"),
}


def own_runs(known: Mapping[str, RunInfo]) -> dict[str, RunInfo]:
    return {name: info for name, info in known.items() if library.is_own(info)}


def show_table(own: Mapping[str, RunInfo], known: Mapping[str, RunInfo]) -> None:
    """A row for each run, one's own first."""
    import pandas as pd

    rows = pd.DataFrame([_row(info, name in own) for name, info in {**own, **known}.items()])
    losses = {
        name: NumberColumn(label, format=page.decimals(rows[name]))
        for name, label in LOSSES.items()
        if name in rows
    }
    names = {"Model": st.column_config.TextColumn(pinned=True, width=page.width_of(rows["Model"]))}
    columns = COLUMNS | losses | names
    page.table(rows.dropna(axis="columns", how="all"), columns, state.ALL_RUNS)


def _row(info: RunInfo, is_own: bool) -> dict[str, Any]:
    return {
        "Model": info.name,
        "Validation, nats": info.valid_loss,
        "Cell type": style.cell_name(info.rnn_type),
        **{name.capitalize(): loss for name, loss in comparison.losses(info).items()},
        "Corpus": info.corpus,
        "Level": LEVELS[info.vocab.level],
        "Parameters": info.parameters,
        "From": "own" if is_own else "shipped",
        "Saved": _saved_at(info) if is_own else None,
    }


def _saved_at(info: RunInfo) -> datetime | None:
    """When a run was written, None once it is gone."""
    try:
        return datetime.fromtimestamp((info.folder / "run.json").stat().st_mtime)
    except OSError:
        return None


def own_models(own: Mapping[str, RunInfo]) -> None:
    """Choose one of one's own models, download, delete or rename it."""
    session = st.session_state
    asked = session.pop(state.BROUGHT, session.get(state.OWN_RUN))
    give(state.OWN_RUN, asked if asked in own else next(iter(own)))
    chosen, download, remove = st.columns([2, 1, 1], vertical_alignment="bottom")
    info = own[chosen.selectbox("Model", list(own), key=state.OWN_RUN)]
    busy = training_caches.jobs().in_training(info.name)
    download.download_button(
        "Download as one file",
        lambda: archive.pack(info),
        f"{info.name}.safetensors",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    if remove.button("Delete", icon=":material/delete:", width="stretch", disabled=busy):
        _ask_to_delete(info)
    if session.get(state.NAMED) != info.name or state.NEW_NAME not in session:
        session[state.NAMED] = session[state.NEW_NAME] = info.name
    with st.form(state.RENAME_FORM, border=False):
        field, apply, _ = st.columns([2, 1, 1], vertical_alignment="bottom")
        field.text_input("Name", key=state.NEW_NAME)
        apply.form_submit_button(
            "Rename", on_click=_rename, args=(info,), width="stretch", disabled=busy
        )
    if busy:
        st.caption("It is being trained: rename or delete it when that has ended.")


@st.dialog("Delete this model?")
def _ask_to_delete(info: RunInfo) -> None:
    st.markdown(f"**{page.plain(info.name)}** will be gone from this machine, with its weights.")
    keep, remove = st.columns(2)
    if keep.button("Keep it", width="stretch"):
        st.rerun()
    delete = f"Delete {page.plain(info.name)}"
    if remove.button(delete, type="primary", key=state.DELETE, width="stretch"):
        with page.sentences():
            library.delete(info)
        st.rerun()


def _rename(info: RunInfo) -> None:
    session = st.session_state
    with page.sentences():
        session[state.OWN_RUN] = library.rename(info, session[state.NEW_NAME].strip()).name


def add() -> None:
    """Upload a file, say what it does not say itself, and import it as a run."""
    session = st.session_state
    count = session.setdefault(state.BROUGHT_COUNT, 0)
    left, right = st.columns(2)
    file = left.file_uploader(
        "A model: .safetensors, .pt, .pth, .ckpt or .bin",
        FILE_TYPES,
        key=state.model_file(count),
        max_upload_size=MAX_UPLOAD,
    )
    left.caption(
        "A file downloaded here, or a PyTorch language model (embedding, LSTM, GRU or RNN, "
        "projection): its state_dict, or a checkpoint that contains it, with any names. No code "
        "in the file is run."
    )
    if file is None:
        return
    raw, corpus, texts, options, asked_parts = file.getvalue(), None, {}, {}, ""
    asked = session.get(state.PARTS_ASKED) == file.file_id
    if not importing.is_archive(raw):
        with right:
            corpus, texts, options = _pick_origin()
            asked_parts = _pick_parts() if asked else ""
    if not st.button("Add to your models", type="primary", icon=":material/add:"):
        return
    with page.sentences(), st.spinner("Reading the model and measuring its loss ..."):
        source = _read(corpus, texts)
        options["parts"] = [part for part in shlex.split(asked_parts) if part != "--map"]
        try:
            info = importing.import_file(raw, file.name, runs_folder(), source, **options)
        except Ambiguous:
            session[state.PARTS_ASKED] = file.file_id
            raise
        session[state.BROUGHT], session[state.BROUGHT_COUNT] = info.name, count + 1
        st.toast(f"Added: {page.plain(info.name)}")
        if doubt := importing.doubt(info, file.name):
            st.toast(page.plain(doubt), icon=":material/warning:", duration="infinite")
        st.rerun()
    if not asked and session.get(state.PARTS_ASKED) == file.file_id:
        st.rerun()  # with a field for the names
    page.show_sentence()


def _pick_origin() -> tuple[str | None, dict[str, bytes], dict[str, Any]]:
    """What a model's file does not say: its corpus, texts of one's own by file name, and options
    of `import_model`."""
    corpus = st.selectbox(
        "Trained on",
        [OWN_TEXTS, *BUILT_IN],
        index=None,
        placeholder="not needed if the file has its vocabulary",
        key=state.TRAINED_ON,
    )
    files = []
    if corpus == OWN_TEXTS:
        label = "train.txt, valid.txt and test.txt"
        types = ["txt", "tokens", "raw"]
        files = st.file_uploader(label, types, True, max_upload_size=MAX_UPLOAD)
    rnn_type = st.segmented_control(
        "Kind of RNN, where the file does not say it",
        ALIKE,
        format_func=style.cell_name,
    )
    name = st.text_input("Name", placeholder="by corpus and cell type").strip()
    options = {"rnn_type": rnn_type, "name": name, "spec": corpus if corpus in BUILT_IN else ""}
    return corpus, {file.name: file.getvalue() for file in files}, options


def _pick_parts() -> str:
    """Which tensor is which part of the model, as the command takes it with --map."""
    text = st.text_input(
        "Names in the file, as --map takes them",
        placeholder="embedding=embed.weight projection=fc.weight",
        key=state.PARTS,
    )
    # A comma between two parts separates them, one inside a name belongs to it; no name ends with
    # the full stop of the sentence that it was copied from.
    return re.sub(rf",\s*(?=(--map\s+)?['\"]?({'|'.join(PARTS)})=)", " ", text.rstrip(",. "))


def _read(corpus: str | None, texts: dict[str, bytes]) -> Source | None:
    """The texts that a model was trained on, None where none was chosen. Raises CorpusError."""
    if corpus == OWN_TEXTS:
        return from_files(texts)
    return training_caches.source(corpus) if corpus else None
