"""Files and links of the code before it had wings (one folder of modules) still work.

tests/data/before_wings was written by that code: a run that is complete and one that was
interrupted after 30 of 60 steps, both on notes.txt, and the complete one as a downloaded file, as a
state_dict, as a whole module (torch.save(model)) and in an HTML report without its plotly.js.
"""

import shutil
from pathlib import Path

import pytest
import torch
from plotly.offline import get_plotlyjs

from rnnviz import RNN_TYPES, evaluate, load_corpus, load_run
from rnnviz.data.corpus import read
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import resumed_run
from rnnviz.runs.importing import import_file
from tests.test_app import is_fine, opened

OLD = Path(__file__).parent / "data" / "before_wings"
LOSS_AT_THE_END = 2.709324887235656  # that the code of then reached after it resumed


def test_a_saved_run_has_its_loss():
    run = load_run(OLD / "saved")
    corpus = load_corpus(str(OLD / "notes.txt"))
    assert corpus.fingerprint == run.info.fingerprint
    assert evaluate(run.model, corpus.valid) == pytest.approx(run.info.valid_loss, abs=1e-5)


def test_an_interrupted_training_goes_on_to_the_same_end(tmp_path):
    shutil.copytree(OLD / "interrupted", tmp_path / "interrupted")
    run, state = resumed_run(tmp_path / "interrupted", load_corpus(str(OLD / "notes.txt")))
    assert state.step == 30
    records = list(fit(run, load_corpus(str(OLD / "notes.txt")), tmp_path, state))
    assert records[-1].step == 60
    ended = load_run(tmp_path / "interrupted").info
    assert ended.valid_loss == pytest.approx(LOSS_AT_THE_END, abs=1e-4)


@pytest.mark.parametrize("file", ["module.pt", "state.pt", "downloaded.safetensors"])
def test_a_model_in_a_file_is_imported(file, tmp_path):
    source = read(str(OLD / "notes.txt"))
    info = import_file((OLD / file).read_bytes(), file, tmp_path, source)
    imported, saved = load_run(info.path).model, load_run(OLD / "saved").model
    for name, tensor in saved.state_dict().items():
        assert torch.equal(imported.state_dict()[name], tensor)


def test_a_link_opens_what_it_opened():
    runs = [f"python-source-{kind.lower().replace('_', '-')}" for kind in RNN_TYPES]
    app = opened("pages/gates.py", runs=runs[:2], text="def f(x):", layer=1)
    assert is_fine(app)
    assert (app.session_state["runs"], app.session_state["text"]) == (runs[:2], "def f(x):")


def test_a_report_opens_without_the_app(page, tmp_path):
    report = (OLD / "report.html").read_text(encoding="utf-8")
    file = tmp_path / "report.html"
    file.write_text(report.replace("/* plotly.js */", get_plotlyjs()), encoding="utf-8")
    page.goto(file.as_uri())
    page.locator("canvas").nth(2).wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.get_by_role("slider").press("ArrowRight")
    assert page.locator(".frames output").inner_text() == "60"
