"""Seeds: whole numbers of 64 bits, taken alike by all that draws random numbers."""

import numpy as np
import pytest
import torch

from rnnviz import RNNModel, TrainConfig, generate, temperature_sweep, train
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import Source
from rnnviz.nn.seed import HIGHEST, LOWEST, later_seed

TAKEN = (LOWEST, -1, 0, 2**63, HIGHEST - 2**31, HIGHEST, np.int64(-3), np.uint64(HIGHEST))
REFUSED = (LOWEST - 1, HIGHEST + 1, 10**30, 1.5, "1")


def model() -> RNNModel:
    return RNNModel("LSTM", 5, 3, 3, 1, dropout=0.5)


def run(seed: int) -> None:
    corpus = make_corpus(Source("t", ("abcd" * 20, "abcd", "")))
    config = TrainConfig(steps=2, batch_size=2, sequence_length=4, seed=seed)
    assert len(list(train(model(), corpus, config))) == 2


USES = {
    "config": lambda seed: TrainConfig(steps=1, seed=seed),
    "training": run,
    "generate": lambda seed: generate(model(), [], 3, seed=seed),
    "sweep": lambda seed: temperature_sweep(model(), [], [0.5, 1.0], 3, seed=seed),
}


@pytest.mark.parametrize("use", USES)
def test_a_seed_of_64_bits_is_taken_and_another_is_a_sentence(use):
    for seed in TAKEN:
        USES[use](seed)
    for seed in REFUSED:
        with pytest.raises(ValueError, match="a seed is a whole number"):
            USES[use](seed)


def test_seeds_after_the_highest_begin_again_from_zero():
    assert [later_seed(HIGHEST, n) for n in (0, 1, 3)] == [HIGHEST, 0, 2]
    assert later_seed(-1, 2**32) == 2**32 - 1
    assert type(TrainConfig(steps=1, seed=np.int64(3)).seed) is int


def test_a_seed_gives_the_samples_that_it_gave():
    """torch's own generator, seeded as before seeds were checked."""
    torch.manual_seed(0)
    taken = model()
    for seed in (0, 7, -7, 2**40):
        rng = torch.Generator().manual_seed(seed + 2**32)
        first = int(torch.randint(5, (1,), generator=rng))
        wanted = generate(taken, [first], 5, seed=seed)
        assert torch.equal(generate(taken, [], 5, seed=seed), wanted)
