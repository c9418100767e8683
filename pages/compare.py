"""Runs beside each other: their numbers, how they learnt, one text through all of them."""

import streamlit as st

from rnnviz import comparison, contrasts, ui, ui_compare, views
from rnnviz.runs import RunError

ui.begin("compare")
st.title("Compare")
st.markdown(
    "Which cell type learns faster, ends better and remembers longer? Only runs that share text, "
    "vocabulary and budget can tell; what differs beyond the cell type is named."
)
choice = ui.sidebar()
shown = ui.shown(choice)
dark = ui.is_dark()

infos = ui_compare.pick_runs(choice)
if not infos:
    st.info("Choose at least one run to compare.")
    st.stop()
said, *warnings = comparison.verdict(infos)
st.text(said)
for warning in warnings:
    st.warning(warning)
table, problems = ui_compare.table(infos, choice)
for problem in problems:
    st.error(problem)
ui_compare.show_table(table)
cued = ", after the cue where a task has one" * any(info.cue is not None for info in infos)
st.caption(
    f"Losses in nats a token{cued}; perplexity and bits are those of the validation loss. "
    "Half-life: in how many tokens the gradient of the loss at the last token of the sidebar's "
    "text halves. Saturated: share of gate values below 0.1 or above 0.9 on each run's own "
    "validation text (the sidebar's, where it is not here). Both of layer "
    f"{choice.layer + 1} or the last. Empty: not recorded, or an RNN, which has no gates."
)
with st.expander("Parameters, with the numbers put in"):
    for names, lines in comparison.formulas(infos).items():
        st.code(f"{names}\n{lines}", language=None, wrap_lines=True)

st.subheader("Learning curves")
axis = st.segmented_control(
    "Against", list(contrasts.AXES), default="steps", key="axis", required=True
)
curves = contrasts.curve_figures(infos, axis, dark)
for number, (column, figure) in enumerate(ui.side_by_side(curves)):
    column.plotly_chart(figure, key=f"curves{number}")
if without := [info.name for info in infos if not info.history]:
    st.caption(f"Without a recorded history: {', '.join(without)}.")
st.caption(
    "The notes say that a GRU often learns faster and ends better than an LSTM: put it to the "
    "test. Runs that differ only in the seed are one line, their mean, in a band from the lowest "
    "to the highest; where bands overlap, so few seeds decide nothing."
)

st.subheader("One text, every model")
same = ui_compare.same_text(shown, choice)
if not same:
    st.info("The text has one token: a prediction needs at least two.")
if len(same) > 1:
    st.info("These models have different vocabularies: only those that share one are compared.")
for number, group in enumerate(same):
    st.plotly_chart(group.figure(ui.places(group.views[0]), dark), key=f"tokens{number}")
    for k, (column, (sentence, message)) in enumerate(ui.side_by_side(group.strips())):
        with column:
            st.text(sentence)
            ui.heatmaps(message, [group.views[k]], key=f"margin{number}-{k}")
st.caption(
    "The sidebar's models read its text; each line is the probability of a token before it is "
    "read. Below, each token is coloured by ln p of this model minus that of the best other one: "
    "red where this model is the best, blue where another beats it. A model alone is coloured by "
    "its probabilities."
)

latest = st.session_state.setdefault("latest", {})  # the report has no session to ask


@st.fragment
def samples() -> None:
    st.subheader("Samples with one noise")
    left, right = st.columns(2)
    temperature = left.slider("Temperature", 0.0, 2.0, 0.8, 0.1, key="compare_temperature")
    seed = right.number_input("Noise", 0, 9_999, 0, key="compare_noise")
    latest["sampling"] = temperature, seed
    for column, (name, text) in ui.side_by_side(
        ui_compare.samples(shown, choice, temperature, seed)
    ):
        column.text(name)
        column.code(text, language=None, wrap_lines=True, height=220)
    st.caption(
        f"What each model writes after the text, {contrasts.SAMPLE} tokens. Models with one "
        "vocabulary get the same noise at each token, so that what differs is the model's choice. "
        "At temperature 0 it takes the likeliest token and noise has no part."
    )


@st.fragment
def lapse() -> None:
    st.subheader("Time-lapse of a training")
    picked = latest["lapse"] = ui_compare.pick_lapse()
    if picked is None:
        st.info("No run has snapshots yet: every training from now on keeps some of its steps.")
        return
    info, steps, step = picked
    try:
        moments = ui_compare.moments(info, (step, steps[0], steps[-1]), choice)
    except (RunError, OSError) as error:
        st.error(f"This snapshot cannot be shown: {error}.")
        return
    if not moments:
        st.info("The text has no token of this run.")
        return
    now = moments[step]
    if now.flow is not None:
        st.text(now.said(step))
    ui.heatmaps(views.gate_message([now.view], "index", 0, dark), [now.view], key="lapse")
    if now.flow is not None:
        st.plotly_chart(contrasts.lapse_figure(moments, step, dark), key="lapse_decay")
    st.code(now.sample, language=None, wrap_lines=True, height=180)
    st.caption(
        "Its gates, its gradient and what it writes at temperature "
        f"{contrasts.LAPSE_TEMPERATURE:g} with one noise, from the first step to the last; units "
        "keep their rows. Gates begin near one half and take sides as the network learns what to "
        "keep. Pale: the gradient after the first step kept (dotted) and the last (dashed)."
    )


samples()
lapse()

st.subheader("Train all four")
st.fragment(ui_compare.train_all)()

st.subheader("Export")
left, right, _ = st.columns([1, 1, 2])
left.download_button("Table as CSV", table.to_csv(index=False), "runs.csv", "text/csv")
right.download_button(
    "All as one HTML report",
    lambda: ui_compare.document(infos, shown, choice, axis, **latest),
    "runs.html",
    "text/html",
)
st.caption(
    "The report holds all of this page and opens without the app. Each figure is saved as PNG by "
    "the camera that appears at its top right."
)
