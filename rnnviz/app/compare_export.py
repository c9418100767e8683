"""The Compare page as files: all of it as one HTML report, its figures as a zip of HTML files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnviz.analysis import comparison, time_lapse
from rnnviz.analysis.text_view import View
from rnnviz.app import compare, page
from rnnviz.app.compare import Lapse
from rnnviz.app.state import Choice
from rnnviz.figures import heatmap_views, report
from rnnviz.figures.comparison import curve_figures, lapse_figure, same_text_figure, strips
from rnnviz.runs import snapshots
from rnnviz.runs.info import RunError, RunInfo

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

REPORT_FRAMES = 8  # snapshots in a report: half a megabyte each


def file_stem(infos: Sequence[RunInfo]) -> str:
    """The beginning of the names of files about these runs: their corpora and their number."""
    corpora = "-".join(dict.fromkeys(info.corpus for info in infos))
    return page.file_name(f"rnnviz-{corpora}-{len(infos)}-runs")


def document(
    infos: Sequence[RunInfo],
    shown: Sequence[View],
    choice: Choice,
    axis: str,
    sampling: tuple[float, int],
    lapse: Lapse | None,
) -> str:
    """All of the page as one HTML file. `sampling`: temperature and seed of the noise."""
    table, problems = compare.table(infos, choice)
    formulas = [report.Text(*sizes) for sizes in comparison.formulas(infos).items()]
    same: list[Any] = []
    for group in compare.same_text(shown, choice):
        same.append(same_text_figure(group, page.places(group.views[0]), dark=False))
        for sentence, message in strips(group):
            same += [sentence, report.Heatmaps(message)]
    written = [report.Text(*sample) for sample in compare.samples(shown, choice, *sampling)]
    note = page.cue_note(choice.runs)
    curves = curve_figures(infos, axis, dark=False)
    temperature, noise = sampling
    about_table = compare.about_table(infos, choice)
    sections = {
        "Runs": [*comparison.verdict(infos), *problems, table, about_table],
        "Parameters": formulas,
        "Learning curves": [*curves, compare.ABOUT_CURVES],
        "One text, every model": [
            report.Text("The text", choice.text),
            *same,
            compare.ABOUT_TEXT,
            note,
        ],
        f"Samples at temperature {temperature:g}, noise {noise}": [*written, compare.ABOUT_SAMPLES],
    }
    if lapse is not None and (frames := _frames(lapse, choice)):
        sections["Time-lapse of a training"] = frames
    return report.document("Runs compared", sections)


def _frames(lapse: Lapse, choice: Choice) -> list[Any]:
    """The time-lapse with a slider of its own; [] where the text has no token of the run."""
    kept = sorted({lapse.step, *snapshots.thinned(lapse.steps, REPORT_FRAMES)})
    try:
        found = compare.moments(lapse.info, kept, choice)
    except (RunError, OSError) as error:
        return [f"These snapshots cannot be shown: {error}."]
    if not found:
        return []
    frames = {}
    for at, now in found.items():
        beside = {step: found[step] for step in {at, kept[0], kept[-1]}}
        frames[f"{at:,}"] = [
            *([now.summary(at)] if len(now.view.tokens) > 1 else []),
            report.Heatmaps(heatmap_views.gate_message([now.view], "index", 0, dark=False)),
            *([lapse_figure(beside, at, dark=False)] if now.decay else []),
            report.Text(time_lapse.SAMPLE_HEADING, now.sample),
        ]
    total = len(lapse.steps)
    count = f"{len(kept)} of its {total} snapshots. " if len(kept) < total else ""
    sentence = f"{lapse.info.name}: gates, gradient and sample from its first steps to its last. "
    moving = report.Frames("Training step", frames, f"{lapse.step:,}")
    return [sentence + count, moving, compare.ABOUT_LAPSE]


def figures(
    infos: Sequence[RunInfo],
    shown: Sequence[View],
    choice: Choice,
    axis: str,
    lapse: Lapse | None,
) -> bytes:
    """The page's figures as a zip of HTML files, each of which opens alone."""
    found = curve_figures(infos, axis, dark=False)
    for group in compare.same_text(shown, choice):
        found.append(same_text_figure(group, page.places(group.views[0]), dark=False))
    if lapse is not None:
        found += _lapse_figure(lapse, choice)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, figure in enumerate(found, start=1):
            name = page.file_name(figure.layout.title.text)
            archive.writestr(f"{number}-{name}.html", figure.to_html())
    return file.getvalue()


def _lapse_figure(lapse: Lapse, choice: Choice) -> list[Figure]:
    """The gradient of the time-lapse; [] where there is none, as on the page."""
    found, _ = compare.lapse_moments(lapse, choice)
    drawn = found and found[lapse.step].decay
    return [lapse_figure(found, lapse.step, dark=False)] if drawn else []
