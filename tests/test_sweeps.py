"""The sweep of a run as the browser gets it, its forks and its files."""

import io
import json
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import torch

from rnnviz import generate, load_run, next_token
from rnnviz.analysis import sweeps
from rnnviz.analysis.sweeps import TEMPERATURES, SamplingOptions
from rnnviz.data.vocab import Vocab
from rnnviz.figures import sweep_message


@pytest.fixture(scope="module")
def run():
    return load_run("recall-lstm")


@pytest.fixture(scope="module")
def words():
    return load_run("python-docs-gru")


def unpacked(message: bytes) -> tuple[dict, list[dict[str, np.ndarray]]]:
    """The header, and the arrays of each model, read as sampler.js reads them."""
    plain = zlib.decompress(message)
    (length,) = struct.unpack("<I", plain[:4])
    header = json.loads(plain[4 : 4 + length])
    found = []
    for model in header["models"] + header["forks"]:
        arrays = {}
        for name, (offset, kind) in model["arrays"].items():
            each = model["tops"] if name in ("top", "share") else 1
            size = len(header["temperatures"]) * model["count"] * each
            arrays[name] = np.frombuffer(plain, f"<{kind}", size, 4 + length + offset)
        found.append(arrays)
    return header, found


def test_the_message_carries_the_sweep(run):
    said = sweeps.sweep_run(run, "Dab", 30, SamplingOptions(seed=5))
    header, [arrays] = unpacked(sweep_message.pack([said], [], dark=False))
    [model] = header["models"]
    assert header["temperatures"] == list(TEMPERATURES)
    assert (model["count"], model["tops"], model["prompt"], model["fixed"]) == (30, 10, "Dab", [])
    tokens = arrays["tokens_at"].reshape(41, 30)
    for k in (0, 10, 20, 40):
        alone = generate(run.model, run.ids("Dab"), 30, TEMPERATURES[k], seed=5).numpy()
        assert (tokens[k] == alone).all()
    surprise = np.where(said.counts, -said.sweep.log_prob.numpy(), np.nan).ravel()
    assert arrays["surprise"] == pytest.approx(surprise, abs=1e-6, nan_ok=True)
    assert (arrays["rank"] == said.sweep.rank.numpy().ravel()).all()
    shares = said.sweep.top_probs.numpy().ravel()
    assert arrays["share"] / 65535 == pytest.approx(shares, abs=2e-5)
    assert ((arrays["share"] == 0) == (shares == 0)).all()
    texts = ["".join(model["tokens"][i] for i in row) for row in tokens]
    assert texts[20] == run.vocab.decode(tokens[20])


@pytest.mark.parametrize(
    "cuts", [SamplingOptions(), SamplingOptions(top_k=3), SamplingOptions(top_p=0.7)]
)
def test_the_bars_are_the_distribution_over_the_whole_vocabulary(run, cuts):
    said = sweeps.sweep_run(run, "Dab?", 5, cuts)
    for k in (0, 4, 20, 40):
        p = next_token(run.model, run.ids("Dab?"), TEMPERATURES[k], cuts.top_k, cuts.top_p)
        assert said.probs[k] == pytest.approx(p[said.likeliest].numpy(), abs=1e-9)
        entropy = -sum(q * np.log(q) for q in p.tolist() if q)
        assert said.next_entropy[k] == pytest.approx(entropy, abs=1e-9)
    assert (np.diff(said.logits) <= 0).all()


def test_a_large_vocabulary_comes_without_its_likeliest_tokens(words):
    said = sweeps.sweep_run(words, "The list", 20, SamplingOptions())
    header, [arrays] = unpacked(sweep_message.pack([said], [], dark=True))
    assert "top" not in arrays
    assert header["models"][0]["prompt"] == "The list "
    row, place = 12, 7
    ids, shares = sweeps.likeliest(words, said, row, place, SamplingOptions())
    before = [*words.ids("The list").tolist(), *said.sweep.tokens[row, :place].tolist()]
    p = next_token(words.model, before, TEMPERATURES[row])
    assert ids == p.topk(10).indices.tolist()
    assert shares == pytest.approx(p.topk(10).values.tolist())


@pytest.mark.parametrize("prompt", ["Dab", ""])
def test_a_fork_with_the_same_token_changes_nothing(run, prompt):
    said = sweeps.sweep_run(run, prompt, 24, SamplingOptions(seed=3))
    row, place = 30, 9
    same = sweeps.forked(said, row, place, int(said.sweep.tokens[row, place]))
    fork = sweeps.sweep_run(run, prompt, 24, SamplingOptions(seed=3), same)
    assert [*fork.fixed, *fork.sweep.tokens[row].tolist()] == said.sweep.tokens[row].tolist()
    again = sweeps.forked(fork, row, 4, 2)  # a fork of the fork
    assert again == (*same, *fork.sweep.tokens[row, :4].tolist(), 2)


def test_a_fork_at_the_end_leaves_nothing_to_say(run):
    said = sweeps.sweep_run(run, "D", 6, SamplingOptions())
    fork = sweeps.sweep_run(run, "D", 6, SamplingOptions(), sweeps.forked(said, 0, 5, 1))
    header, _ = unpacked(sweep_message.pack([said], [fork], dark=False))
    assert header["forks"][0]["count"] == 0
    assert len(header["forks"][0]["fixed"]) == 6


def test_tokens_are_translated_for_another_vocabulary(run, words):
    chars = tuple(run.vocab.encode("Dab?").tolist())
    assert sweeps.translated(run.vocab, chars, run.vocab) == chars
    other = Vocab.build(["xDab"])
    assert other.decode(sweeps.translated(run.vocab, chars, other)) == "Dab<unk>"
    said = words.vocab.encode("the list is").tolist()
    there = sweeps.translated(words.vocab, tuple(said), run.vocab)
    assert len(there) == len("the list is")


def test_a_vocabulary_of_two_and_one_of_30000():
    from dataclasses import replace

    from rnnviz import RNNModel

    small = load_run("recall-rnn-tanh")
    for vocab in (
        Vocab(("<unk>", "a")),
        Vocab(("<unk>", "<eos>", *map(str, range(29_998))), "word"),
    ):
        torch.manual_seed(0)
        sizes = {"embedding_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "dropout": 0.0}
        model = RNNModel("GRU", len(vocab), **sizes).eval()
        described = {
            "rnn_type": "GRU",
            "vocab_size": len(vocab),
            "tie_weights": False,
            "forget_bias": None,
            **sizes,
        }
        told = []
        info = replace(small.info, vocab=vocab, model=described, cue=None)
        run = replace(small, info=info, model=model)
        said = sweeps.sweep_run(run, "a 7", 8, SamplingOptions(), on_progress=told.append)
        header, [arrays] = unpacked(sweep_message.pack([said], [], dark=False))
        assert told[-1] == 1
        assert len(header["models"][0]["next"]) == min(12, len(vocab))
        assert arrays["tokens_at"].max() < len(vocab)


@pytest.mark.parametrize("prompt", ["", "\0 ☃ <script>alert(1)</script> שלום", "ab" * 2500])
def test_any_prompt_can_be_gone_on_from(run, prompt):
    said = sweeps.sweep_run(run, prompt, 12, SamplingOptions())
    header, _ = unpacked(sweep_message.pack([said], [], dark=False))
    assert len(header["models"][0]["prompt"]) <= sweep_message.PROMPT_SHOWN + 1
    assert said.sweep.tokens.shape == (41, 12)


def test_generate_txt_has_1000_words_under_a_line_that_says_how(words, run):
    text = sweeps.generate_txt(words, "The", 0.8, SamplingOptions(seed=7, top_k=40, top_p=0.9))
    first, rest = text.split("\n", 1)
    assert first == "# python-docs-gru, temperature 0.8, seed 7, top-k 40, top-p 0.9"
    wanted = generate(words.model, words.ids("The"), 1000, 0.8, 40, 0.9, 7).tolist()
    assert rest == words.vocab.decode(wanted) + "\n"
    assert "<eos>" not in rest
    assert len(sweeps.words(run, "", 3, 1.0, SamplingOptions()).split()) <= 3


def test_the_table_has_a_line_for_each_temperature_and_token(run):
    said = sweeps.sweep_run(run, "D", 4, SamplingOptions())
    table = pd.read_csv(io.StringIO(sweeps.frame(said).to_csv(index=False)))
    assert len(table) == 41 * 4
    line = table[(table.temperature == 0.5) & (table.position == 3)].iloc[0]
    assert line.token == run.vocab.id2token[said.sweep.tokens[10, 2]]
    assert line.log_prob == pytest.approx(said.sweep.log_prob[10, 2].item(), abs=1e-5)
