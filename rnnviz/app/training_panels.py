"""The trainings of this server on the Train page: progress, figures, results."""

from __future__ import annotations

import math
from dataclasses import asdict

import streamlit as st

from rnnviz.app import components, navigation, page, sidebar, state, training_caches
from rnnviz.figures import style, training
from rnnviz.jobs.queue import SAMPLE_TEMPERATURE, Job, Progress
from rnnviz.nn.perplexity import perplexity_text

MAX_POINTS = 400  # of a curve: a figure shows no more
MAX_SAMPLES = 10
POINT_OF = {  # how the records of one bin become a point
    "step": "last",
    "loss": "mean",
    "valid_loss": "last",
    "grad_norm": "mean",
    "lr": "last",
}


def show() -> None:
    """The trainings that run or wait, and the last one that ended; redrawn every second while one
    is active."""
    active = any(job.active for job in _jobs())

    @st.fragment(run_every=1.0 if active else None)
    def panels() -> None:
        jobs = _jobs()
        if active and not any(job.active for job in jobs):
            st.rerun()
        ended = [job for job in jobs if not job.active][-1:]
        for job in [job for job in jobs if job.active] or ended:
            _panel(job)
        if active and ended:
            with st.expander(f"Before: {_name(ended[0])}"):
                _result(ended[0])

    with st.container(key=state.PANELS):
        panels()
    components.show_revealed()


def _jobs() -> list[Job]:
    """Those that make runs: others are shown where they were begun."""
    return [job for job in training_caches.jobs().list() if job.plans]


def _name(job: Job) -> str:
    kinds = dict.fromkeys(style.cell_name(plan.model["rnn_type"]) for plan in job.plans)
    return page.plain(f"{', '.join(kinds)} on {job.plans[0].source.name}")


def _panel(job: Job) -> None:
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(f"**{_name(job)}**")
        if job.active:
            right.button(
                "Stopping …" if job.stopping else "Stop",
                key=state.of_job("stop", job),
                on_click=job.stop,
                disabled=job.stopping,
                width="stretch",
                help="What is learned by then is kept.",
            )
        if job.state == "waiting":
            st.caption("Waits in line: it begins when the training before it ends.")
        elif job.state == "running":
            st.progress(*_progress(job))
        else:
            _result(job)
        _figures(job)
        _samples(job)


def _progress(job: Job) -> tuple[float, str]:
    """The share done of all models, and a line about the one in training."""
    total = len(job.progress)
    place = max((i for i, p in enumerate(job.progress) if p.run), default=0)
    now = job.progress[place]
    if not now.records:
        return place / total, f"{page.plain(now.run) or 'The first model'}: first steps …"
    last, ahead = now.records[-1], total - place - 1
    if minutes := job.plans[place].config.minutes:
        left = 60 * minutes * (1 - last.progress + ahead)
    else:
        left = last.seconds / last.progress * (1 - last.progress + ahead)
    number = f" ({place + 1} of {total})" if total > 1 else ""
    left = round(left)
    return (place + last.progress) / total, (
        f"{page.plain(now.run)}{number}: {last.progress:.0%}, {left // 60}:{left % 60:02} left, "
        f"{last.tokens / last.seconds:,.0f} tokens/s on {now.device}, "
        f"loss {last.loss:.3f} nats, perplexity {perplexity_text(last.loss, 1)}"
    )


def _result(job: Job) -> None:
    """How a training ended, and links to its models."""
    saved = [p for p in job.progress if p.saved]
    if job.message:
        st.error(page.plain(job.message[0].upper() + job.message[1:]))
    if saved:
        lines = ["Stopped; what was learned is kept."] if job.state == "stopped" else []
        for progress in saved:
            losses = [r.valid_loss for r in progress.records if r.valid_loss is not None]
            known = "not evaluated"
            if losses:
                known = f"{min(losses):.3f} nats, perplexity {perplexity_text(min(losses), 1)}"
            lines.append(f"{page.plain(progress.run)}: validation loss {known}.")
        st.markdown("  \n".join(lines))
        names = _one_of_each_first(job)
        look, compare, keep = st.columns([2, 2, 3], vertical_alignment="center")
        if look.button(
            "See the gates", key=state.of_job("look", job), type="primary", width="stretch"
        ):
            sidebar.show_on(navigation.GATES, names)
        if compare.button("Compare", key=state.of_job("compare", job), width="stretch"):
            st.session_state[state.COMPARED] = names  # all of them
            sidebar.show_on(navigation.COMPARE, names)
        keep.page_link(navigation.MODELS.file, label="Rename, download or delete")
    elif job.state == "stopped":
        st.caption("Stopped before it began.")


def _one_of_each_first(job: Job) -> list[str]:
    """The saved runs, first one of each cell type: a sidebar takes the first four."""
    pairs = zip(job.plans, job.progress, strict=True)
    saved = [(plan.model["rnn_type"], progress.run) for plan, progress in pairs if progress.saved]
    first = dict(reversed(saved)).values()
    return sorted((name for _, name in saved), key=lambda name: name not in first)


def _figures(job: Job) -> None:
    dark, curves, norms, rates = page.is_dark(), [], [], []
    kinds = [plan.model["rnn_type"] for plan in job.plans]
    plans = zip(job.plans, style.dashes(kinds), job.progress, strict=True)
    for plan, dash, progress in plans:
        if not progress.records:
            continue
        kind = plan.model["rnn_type"]
        label = style.cell_name(kind) + f", seed {plan.config.seed}" * (kinds.count(kind) > 1)
        color, at = style.color(kind, dark), _thinned(progress)
        losses = at["step"], at["loss"], at["valid_loss"]
        curves.append(training.Learning(label, color, dash, *losses))
        norms.append((label, color, at["step"], at["grad_norm"], dash))
        rates.append((label, color, at["step"], at["lr"], dash))
    if not curves:
        return
    page.chart(training.learning(curves, "Loss and perplexity"), state.of_job("learning", job))
    left, right = st.columns(2)
    figure = training.training_norms(norms, job.plans[0].config.clip, "Norm of the gradient")
    page.chart(figure, state.of_job("norms", job), left)
    figure = training.learning_rates(rates, "Learning rate")
    page.chart(figure, state.of_job("rates", job), right)
    st.caption(
        "Lines: the loss of the batches, the mean since the last point. Marks: validation. Where "
        "validation rises while training still falls, the model learns its text by heart. The "
        "norm is that of all parameters before clipping; above the dotted line it is cut."
    )


def _thinned(progress: Progress) -> dict:
    """Its records by field, (N,) floats each. Of many records, neighbours become one point."""
    import pandas as pd

    records = pd.DataFrame([asdict(r) for r in list(progress.records)])[list(POINT_OF)]
    bins = pd.RangeIndex(len(records)) // math.ceil(len(records) / MAX_POINTS)
    points = records.astype(float).groupby(bins).agg(POINT_OF)
    return {name: points[name].to_numpy() for name in points}


def _samples(job: Job) -> None:
    """What each model wrote at its last evaluation, and at earlier ones."""
    for column, progress in page.side_by_side([p for p in job.progress if p.samples]):
        with column:
            (step, text), *before = progress.samples[: -MAX_SAMPLES - 1 : -1]
            name = page.plain(progress.run)
            st.markdown(f"**{name}** writes at step {step:,}, temperature {SAMPLE_TEMPERATURE:g}")
            st.code(text, None, wrap_lines=True, height=240)
            if before:
                with st.expander("What it wrote before"):
                    for step, text in before:
                        st.caption(f"Step {step:,}")
                        st.code(text, None, wrap_lines=True)
