"""The memory duel: its figures are what the models do, its sentences are made of the figures."""

import csv

import numpy as np
import pytest
import torch

from rnnviz import Run, load_corpus, load_run
from rnnviz._paths import RESULTS
from rnnviz.analysis import duel
from rnnviz.analysis.duel import Duel
from rnnviz.data.made import FILLERS, SYMBOLS
from rnnviz.figures import duel as figures
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.recall_group import DELAYS, SHORT, model_name
from tests.test_app import is_fine, opened
from tests.test_links import linked
from tests.test_runs import some_run

NAMES = dict(zip(RNN_TYPES, ("LSTM", "GRU", "tanh RNN", "ReLU RNN"), strict=True))


@pytest.fixture(scope="module")
def lstm() -> Run:
    return load_run("recall-lstm")


def read(run: Run, text: str) -> torch.Tensor:
    """Probabilities (V,) after a text, token by token."""
    hidden, log_probs = run.model.init_hidden(1), None
    with torch.no_grad():
        for token in run.ids(text):
            log_probs, hidden = run.model(token.view(1, 1), hidden)
    return log_probs[0, 0].exp()


def test_an_answer_is_what_the_model_says_token_by_token(lstm):
    text = "C" + "a" * 30 + "?"
    expected = read(lstm, text)
    found = duel.answer(lstm, text)
    assert found.shape == (8,)
    for letter, probability in zip(SYMBOLS, found, strict=True):
        assert probability == pytest.approx(expected[lstm.vocab.token2id[letter]].item(), abs=1e-6)
    assert SYMBOLS[found.argmax()] == "C"


def test_right_is_the_mean_over_fresh_items_of_that_distance(lstm):
    corpus = load_corpus("recall:10")
    inputs, targets = corpus.items.batch(duel.SEED, 0, duel.ITEMS)
    assert inputs.shape == (duel.ITEMS, 12)
    some = range(0, duel.ITEMS, 16)
    expected = [
        read(lstm, lstm.vocab.decode(inputs[i].tolist()))[targets[i, -1]].item() for i in some
    ]
    found = duel._after(lstm, inputs)[list(some), targets[list(some), -1]]
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert duel.right(lstm, 10) == pytest.approx(
        duel._after(lstm, inputs)[range(duel.ITEMS), targets[:, -1]].mean()
    )


def test_an_untrained_model_guesses():
    run = load_run("recall-lstm")
    torch.manual_seed(0)
    for parameter in run.model.parameters():
        torch.nn.init.uniform_(parameter, -0.01, 0.01)
    assert duel.right(run, 10) == pytest.approx(1 / 18, abs=0.02)  # of all tokens


@pytest.mark.parametrize("name", [model_name(SHORT, kind) for kind in RNN_TYPES])
def test_the_share_of_the_gradient_is_that_of_unrolled_autograd(name):
    run, distance = load_run(name), 5
    inputs, targets = load_corpus(f"recall:{distance}").items.batch(duel.SEED, 0, duel.FOLLOWED)
    model = run.model.double()
    shares = []
    for ids, target in zip(inputs, targets[:, -1], strict=True):
        states, hidden = [], model.init_hidden(1)
        x = model.embedding(ids[None])  # (1,T,D)
        for t in range(x.shape[1]):
            output, hidden = model.rnn(x[:, t : t + 1], hidden)
            h = hidden[0] if isinstance(hidden, tuple) else hidden
            h.retain_grad()
            states.append(h)
            output = h.transpose(0, 1)
        loss = -model.projection(output[0, -1]).log_softmax(-1)[target]
        loss.backward()
        shares.append((states[0].grad.norm() / states[-1].grad.norm()).log10().item())
    found = duel.gradient_share(load_run(name), distance)
    assert found == pytest.approx(np.median(shares), abs=1e-3)


def test_the_sentence_names_who_learned_how_far():
    of = {
        "LSTM": dict.fromkeys(DELAYS, 1.0),
        "GRU": dict.fromkeys(DELAYS, 0.95),
        "RNN_TANH": {d: 1.0 if d <= 10 else 0.1 for d in DELAYS},
        "RNN_RELU": {d: 1.0 if d == 15 else 0.1 for d in DELAYS},  # a hole does not count
    }
    duels = [Duel(kind, right) for kind, right in of.items()]
    assert [one.reaches for one in duels] == [100, 100, 10, None]
    assert duel.verdict(duels, NAMES) == (
        "Within 3,000 steps, the LSTM and the GRU learned to recall over up to 100 letters, the "
        "tanh RNN over up to 10 letters, the ReLU RNN over none of these distances."
    )


def test_what_ships_shows_who_learns_across_a_gap_and_who_can_hold_across_it():
    """The claims of Home, on the models that ship."""

    def reaches(kind: str, usual: bool = True) -> int | None:
        right = {d: duel.right(load_run(model_name(d, kind, usual)), d) for d in DELAYS}
        return Duel(kind, right).reaches

    assert reaches("LSTM") == reaches("GRU") == 100
    assert reaches("RNN_TANH") < 30
    assert reaches("LSTM", usual=False) < 100
    tanh, lstm = (load_run(model_name(SHORT, kind)) for kind in ("RNN_TANH", "LSTM"))
    assert duel.right(tanh, 100) > 0.99
    assert duel.right(lstm, 100) > 0.99
    assert duel.gradient_share(tanh, 100) < -9 < -4 < duel.gradient_share(lstm, 100)


def test_a_figure_without_answers_has_its_axes_and_no_bar():
    empty = figures.answers({}, SYMBOLS, "C", duel.GUESSING, dark=False)
    assert not empty.data
    full = figures.answers({"LSTM": np.full(8, 0.125)}, SYMBOLS, "C", 0.125, dark=True)
    assert full.layout.xaxis.range == empty.layout.xaxis.range


def text_read(app) -> str:
    return app.main.code[0].value


def test_home_asks_again_at_each_press_and_waits_for_one_after_a_change():
    app = opened("")
    assert is_fine(app)
    first = text_read(app)
    assert first[0] == "C"
    assert first[-1] == "?"
    assert len(first) == 32
    assert set(first[1:-1]) <= set(FILLERS)
    app.button(key="duel_press").click().run()
    assert text_read(app)[0] == "C"
    assert text_read(app) != first  # other fillers
    app.selectbox(key="duel_letter").set_value("F").run()
    assert text_read(app)[0] == "F"
    assert text_read(app)[-1] != "?"  # not asked yet
    app.select_slider(key="duel_distance").set_value(100).run()
    app.button(key="duel_press").click().run()
    assert len(text_read(app)) == 102
    assert is_fine(app)


def test_a_distance_of_the_address_becomes_the_nearest_that_was_trained():
    app = linked("", distance="47")
    assert is_fine(app)
    assert app.session_state["duel_distance"] == min(DELAYS, key=lambda d: abs(d - 47))


def test_the_twist_opens_with_its_two_figures_and_its_figures_in_a_sentence():
    app = opened("", duel_twist=True)
    assert is_fine(app)
    (said,) = [m.value for m in app.markdown if "gap to learn from" in m.value]
    tanh = load_run(model_name(SHORT, "RNN_TANH"))
    assert f"{duel.right(tanh, 100):.4f}" in said
    assert f"{10.0 ** duel.gradient_share(tanh, 100):.0e}" in said
    assert "Trained over 100 letters alone, 0 of 3 tanh RNNs learned it" in said


@pytest.mark.parametrize(("distance", "usual"), [(20, True), (20, False), (60, True)])
def test_home_says_in_how_many_trainings_a_distance_was_learned(distance, usual):
    with RESULTS.open() as file:
        rows = [row for row in csv.DictReader(file) if f"recall:{distance} " in row["command"]]
    app = opened("", duel_distance=distance, duel_pytorch_bias=not usual)
    (said,) = [c.value for c in app.caption if "so many learned" in c.value]
    for kind, name in NAMES.items():
        is_plain = kind.startswith("RNN")
        ran = [
            float(row["accuracy"]) >= 0.99
            for row in rows
            if f"--rnn-type {kind} " in row["command"]
            and (is_plain or ("--forget-bias" in row["command"]) == usual)
        ]
        assert len(ran) == (5 if distance < 30 else 3)
        assert f"{name} {sum(ran)} of {len(ran)}" in said


def test_a_link_keeps_the_letter_and_the_distance():
    app = opened("")
    app.select_slider(key="duel_distance").set_value(60).run()
    assert app.query_params["distance"] == "60"


def test_the_run_of_a_person_is_no_part_of_it(tmp_path, monkeypatch):
    """A run of one's own with the name of one of the group would be taken in its place."""
    from rnnviz import save_run
    from rnnviz.runs.names import take_free_name

    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    path = take_free_name("recall-60-lstm", tmp_path, lambda path: path.mkdir())
    assert path.name == "recall-60-lstm-2"
    save_run(some_run("recall-60-lstm"), tmp_path)  # by hand
    assert is_fine(opened(""))
