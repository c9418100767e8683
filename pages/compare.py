"""Runs beside each other: their numbers, how they learnt, one text through all of them."""

import streamlit as st

from rnnviz.analysis import comparison, learning_curves
from rnnviz.app import (
    address,
    compare,
    compare_export,
    components,
    page,
    sidebar,
    state,
    terms,
    train_matched,
)
from rnnviz.figures import heatmap_views
from rnnviz.figures.comparison import curve_figures, lapse_figure, same_text_figure, strips

page.start_page("Compare")
terms.intro(
    "Which cell type learns faster, ends better and remembers longer? Only runs that share text, "
    "vocabulary and budget can answer that. The page says what else differs.",
    "nats",
    "perplexity",
    "half-life",
    "saturated",
    "unit",
    "cue",
)
# plotly's own mask of what a range slider leaves out is nearly black
st.html("<style>[class^=rangeslider-mask] { fill-opacity: 0.1 !important; }</style>")
choice = sidebar.sidebar(also=compare.FIELDS)
shown = sidebar.shown(choice)
dark = page.is_dark()

four = st.expander(
    "Train all four cell types", icon=":material/model_training:", key=state.FOUR, on_change="rerun"
)
if four.open:
    with four:
        st.fragment(train_matched.train_all)()
infos = compare.pick_runs(choice)
if not infos:
    st.info("Choose at least one run to compare.")
    address.stop(compare.FIELDS)
verdict, *warnings = comparison.verdict(infos)
st.text(verdict)
for warning in warnings:
    st.warning(warning)
table, problems = compare.table(infos, choice)
for problem in problems:
    st.error(page.plain(problem))
compare.show_table(table)
st.caption(compare.about_table(infos, choice))
parameters = "How parameters are counted"
with st.expander(parameters, key=state.FORMULAS, on_change="rerun"):
    for names, lines in comparison.formulas(infos).items():
        st.code(f"{names}\n{lines}", language=None, wrap_lines=True)

st.subheader("Learning curves")
axis = st.segmented_control(
    "Against", list(learning_curves.AXES), key=state.AXIS, **state.KEEP, required=True
)
for number, (column, figure) in enumerate(page.side_by_side(curve_figures(infos, axis, dark))):
    page.chart(figure, state.curves(number), column)
if without := [info.name for info in infos if not info.history]:
    st.caption(f"Without a recorded history: {page.plain(', '.join(without))}.")
st.caption(compare.ABOUT_CURVES)

st.subheader("One text, every model")
same = compare.same_text(shown, choice)
note = page.plain(page.cue_note(choice.runs))
if not same:
    st.info("The text has one token: a prediction needs at least two.")
if len(same) > 1:
    what = "vocabularies or cues" if note else "vocabularies"
    st.info(f"These models have different {what}: only those that share them are compared.")
for number, group in enumerate(same):
    figure = same_text_figure(group, page.places(group.views[0]), dark)
    page.chart(figure, state.tokens(number))
    for k, (column, (sentence, message)) in enumerate(page.side_by_side(strips(group))):
        with column:
            st.text(sentence)
            components.heatmaps(message, [group.views[k]], state.margin(number, k))
st.caption(f"{compare.ABOUT_TEXT} {note}")

latest = st.session_state.setdefault(state.LATEST, {})  # the report has no session to ask


@address.fragment(compare.FIELDS)
def samples() -> None:
    st.subheader("Samples with the same noise")
    left, right = st.columns(2)
    temperature = left.slider(
        "Temperature", 0.0, 2.0, step=0.1, key=state.COMPARE_TEMPERATURE, **state.KEEP
    )
    seed = right.number_input("Noise", 0, 9_999, key=state.COMPARE_NOISE, **state.KEEP)
    latest["sampling"] = temperature, seed
    written = compare.samples(shown, choice, temperature, seed)
    for column, (name, text) in page.side_by_side(written):
        column.text(name)
        compare.show_sample(column, text)
    st.caption(compare.ABOUT_SAMPLES)


@address.fragment(compare.FIELDS)
def lapse() -> None:
    st.subheader("Time-lapse of a training")
    picked = latest["lapse"] = compare.pick_lapse()
    if picked is None:
        st.info("No run has snapshots yet: every new training saves some of its steps.")
        return
    moments, problem = compare.lapse_moments(picked, choice)
    if problem:
        st.error(f"This snapshot cannot be shown: {page.plain(problem)}")
    elif not moments:
        st.info("The text has no token of this run.")
    if not moments:
        return
    now = moments[picked.step]
    if len(now.view.tokens) > 1:
        st.text(now.summary(picked.step))
    message = heatmap_views.gate_message([now.view], "index", 0, dark)
    components.heatmaps(message, [now.view], state.LAPSE_MAPS)
    if now.decay is not None:
        page.chart(lapse_figure(moments, picked.step, dark), state.LAPSE_DECAY)
    compare.show_sample(st.container(), now.sample, height=120)
    st.caption(compare.ABOUT_LAPSE)


samples()
lapse()
address.write(compare.FIELDS)

st.subheader("Export")
stem = compare_export.file_stem(infos)
with st.container(horizontal=True):
    st.download_button(
        "All as one HTML report",
        lambda: compare_export.document(infos, shown, choice, axis, **latest),
        f"{stem}.html",
        "text/html",
        type="primary",
        on_click="ignore",
    )
    st.download_button(
        "Figures as HTML",
        lambda: compare_export.figures(infos, shown, choice, axis, latest["lapse"]),
        f"{stem}-figures.zip",
        "application/zip",
        on_click="ignore",
    )
    st.download_button(
        "Table as CSV", table.to_csv(index=False), f"{stem}.csv", "text/csv", on_click="ignore"
    )
st.caption(
    "The report holds all of this page. It and each figure open without the app. On a "
    "wide screen the camera at a figure's top right saves it as PNG."
)
