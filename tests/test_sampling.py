"""What is sampled from, against brute force; and that samples follow it."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st

from rnnviz import RNN_TYPES, RNNModel, generate, next_token
from rnnviz import temperature_sweep as sweep
from rnnviz.analysis import sampling
from rnnviz.analysis.sampling import check_sampling, first_token, scores

# Multiples of 1/64 that differ: no ties, and sums that float32 holds exactly.
LOGITS = st.lists(st.integers(-500, 500), min_size=1, max_size=9, unique=True)


def by_brute_force(logits: list[float], temperature: float, top_k, top_p) -> list[float]:
    """Probabilities, one token after the other, in plain Python."""
    falling = sorted(range(len(logits)), key=lambda i: -logits[i])
    if temperature == 0:
        return [1.0 if i == falling[0] else 0.0 for i in range(len(logits))]
    weight = {i: math.exp((logits[i] - max(logits)) / temperature) for i in falling}
    kept = falling[:top_k]
    if top_p is not None:
        total, reached = sum(weight[i] for i in kept), 0.0
        for number, i in enumerate(kept):
            reached += weight[i] / total
            if reached >= top_p:
                kept = kept[: number + 1]
                break
    total = sum(weight[i] for i in kept)
    return [weight[i] / total if i in kept else 0.0 for i in range(len(logits))]


@cases(max_examples=200)
@given(
    LOGITS,
    st.sampled_from([0, 0.1, 0.5, 1.0, 1.7, 100.0]),
    st.none() | st.integers(1, 12),
    st.none() | st.sampled_from([0.05, 0.31, 0.5, 0.77, 0.9, 1.0]),
)
def test_scores_are_those_of_brute_force(logits, temperature, top_k, top_p):
    logits = [logit / 64 for logit in logits]
    got = scores(torch.tensor(logits, dtype=torch.float64), temperature, top_k, top_p).exp()
    wanted = by_brute_force(logits, temperature, top_k, top_p)
    assert got.tolist() == pytest.approx(wanted, abs=1e-12)


def test_scores_of_many_rows_are_those_of_each_row():
    logits = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0))
    for options in ((0, None, None), (0.7, None, None), (0.7, 3, None), (1.3, 5, 0.6)):
        rows = [[scores(logits[i, j], *options) for j in range(3)] for i in range(2)]
        torch.testing.assert_close(
            scores(logits, *options), torch.stack([torch.stack(row) for row in rows])
        )


@cases(max_examples=100)
@given(LOGITS, st.floats(0, 1e6))
@example([1, 2, 3], 5e-324)
@example([1, 2, 3], 1e-60)
@example([1, 2, 3], 1e-39)
def test_scores_are_a_distribution_at_every_temperature_with_argmax_in_front(logits, temperature):
    got = scores(torch.tensor(logits, dtype=torch.float32) / 64, temperature)
    assert got.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert got[logits.index(max(logits))] == got.max()


def test_a_top_p_of_one_keeps_every_token():
    logits = torch.linspace(0, -30, 2000)
    assert scores(logits, 1.0, top_p=1.0).isfinite().all()


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf, -math.inf])
def test_a_temperature_that_makes_no_sense_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature"):
        check_sampling(temperature)
    with pytest.raises(ValueError, match="temperature"):
        generate(a_model(), torch.tensor([1]), 3, temperature)


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_a_cut_that_keeps_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        check_sampling(1.0, **wrong)


def test_what_makes_sense_is_not_refused():
    for accepted in ((0,), (1e9,), (1.0, 1), (1.0, None, 1.0), (1.0, 3, 1e-9)):
        check_sampling(*accepted)


def a_model(rnn_type: str = "LSTM", size: int = 6) -> RNNModel:
    torch.manual_seed(5)
    model = RNNModel(rnn_type, size, 4, 4, 1)
    model.projection.weight.data *= 60

    return model


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_temperature_zero_is_the_argmax_of_the_model_step_by_step(rnn_type):
    model, ids = a_model(rnn_type, 9), [2, 5]
    got = generate(model, torch.tensor(ids), 15, temperature=0)
    assert model.training
    model.eval()
    for token in got.tolist():  # the whole text is read anew at each step
        log_prob, _ = model(torch.tensor([ids]), model.init_hidden(1))
        assert token == log_prob[0, -1].argmax()
        ids.append(token)


def test_a_seed_gives_one_text_and_another_seed_another():
    model, prompt = a_model(size=50), torch.tensor([], dtype=torch.int64)
    random = torch.get_rng_state()
    texts = [generate(model, prompt, 30, seed=seed).tolist() for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.equal(torch.get_rng_state(), random)
    assert len({tuple(generate(model, prompt, 30).tolist()) for _ in range(3)}) == 3
    firsts = {generate(model, prompt, 1, temperature=0, seed=seed).item() for seed in range(20)}
    assert len(firsts) > 1  # an empty prompt begins at a random token


@pytest.mark.parametrize("count", [0, 1, 4])
def test_as_many_tokens_come_as_were_asked_for(count):
    got = generate(a_model(), torch.tensor([1]), count, seed=0)
    assert got.shape == (count,)
    assert got.dtype == torch.int64


def test_top_k_of_one_is_argmax_whatever_the_seed():
    model = a_model()
    greedy = generate(model, torch.tensor([1]), 10, temperature=0)
    for seed in range(5):
        assert torch.equal(generate(model, torch.tensor([1]), 10, 2.0, top_k=1, seed=seed), greedy)


def chi_square(counts: list[int], p: list[float]) -> float:
    total = sum(counts)
    return sum((n - total * q) ** 2 / (total * q) for n, q in zip(counts, p, strict=True))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_first_tokens_follow_the_softmax_of_logits_over_temperature(temperature):
    model, prompt = a_model().eval(), torch.tensor([3, 1])
    model.projection.bias.data = torch.linspace(-2, 2, 6)
    drawn = [generate(model, prompt, 1, temperature, seed=seed).item() for seed in range(2500)]
    counts = [drawn.count(token) for token in range(6)]
    log_prob = model(prompt[None], model.init_hidden(1))[0][0, -1].tolist()
    bound = 20.5  # exceeded once in a thousand times with five degrees of freedom
    assert chi_square(counts, by_brute_force(log_prob, temperature, None, None)) < bound
    for wrong in (temperature / 1.4, temperature * 1.4):
        assert chi_square(counts, by_brute_force(log_prob, wrong, None, None)) > bound


def plain_step(model: RNNModel, ids: list[int]) -> torch.Tensor:
    """log p (V,) of what follows ids, the whole text read anew."""
    with torch.no_grad():
        return model(torch.tensor([ids]), model.init_hidden(1))[0][0, -1].double()


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
@pytest.mark.parametrize(
    "options", [(1.0, None, None), (0.3, 4, None), (1.7, None, 0.8), (0, 2, 1)]
)
def test_next_token_is_brute_force_over_the_whole_vocabulary(rnn_type, options):
    model, ids = a_model(rnn_type, 9), [2, 5, 1]
    got = next_token(model, ids, *options)
    model.eval()
    wanted = by_brute_force(plain_step(model, ids).tolist(), *options)
    assert got.tolist() == pytest.approx(wanted, abs=1e-5)
    assert got.sum().item() == pytest.approx(1)


def test_next_token_of_nothing_is_that_of_a_seeded_random_token():
    model = a_model(size=50)
    after_each = torch.stack([next_token(model, [token]) for token in range(50)])
    got = next_token(model, [])
    assert (got - after_each).abs().amax(1).min() < 1e-6
    torch.testing.assert_close(got, next_token(model, torch.empty(0, dtype=torch.int64)))


@pytest.mark.parametrize("wrong", [[-1], [6], [[1]], [0.5]])
def test_ids_that_the_model_does_not_know_are_refused(wrong):
    for call in (next_token, lambda m, i: generate(m, i, 2), lambda m, i: sweep(m, i, [1.0], 2)):
        with pytest.raises(ValueError, match="ids"):
            call(a_model(), wrong)


def test_the_limits_of_temperature_are_uniform_and_argmax():
    model = a_model(size=7)
    assert (next_token(model, [1], 1e9) - 1 / 7).abs().max() < 1e-6
    best = next_token(model, [1]).argmax()
    for cold in (0, 1e-6, 5e-324):
        assert next_token(model, [1], cold)[best] == 1


TEMPERATURES = [0, 0.05, 0.3, 0.7, 1.0, 1.4, 2.0]


@cases(max_examples=15)
@given(
    st.sampled_from(RNN_TYPES),
    st.integers(2, 40),
    st.integers(0, 2**40),
    st.sampled_from([(None, None), (3, None), (None, 0.7), (20, 0.9)]),
    st.lists(st.sampled_from(TEMPERATURES), min_size=1, max_size=6),
)
def test_a_row_of_a_sweep_is_generate_until_two_tokens_are_as_good(
    rnn_type, size, seed, cuts, temperatures
):
    model, n = a_model(rnn_type, size), 40
    ids = [] if seed % 3 == 0 else [seed % size, 1]
    got = sweep(model, ids, temperatures, n, seed, *cuts)
    for k, temperature in enumerate(temperatures):
        alone = generate(model, ids, n, temperature, *cuts, seed=seed)
        assert torch.equal(sweep(model, ids, [temperature], n, seed, *cuts).tokens[0], alone)
        differ = (got.tokens[k] != alone).nonzero()
        if len(differ):
            first = int(differ[0])
            noise = torch.Generator().manual_seed(seed)
            for _ in range(first + 1):
                gumbel = -torch.empty(size).exponential_(generator=noise).log()
            start = ids or [first_token(size, seed)]
            log_p = plain_step(model.eval(), [*start, *alone[:first].tolist()])
            two = (scores(log_p, temperature, *cuts) + gumbel).topk(2).values
            assert two[0] - two[1] < 1e-4 * max(1, 1 / temperature if temperature else 1)


@pytest.mark.parametrize("cuts", [(None, None), (3, None), (None, 0.6)])
@pytest.mark.parametrize("size", [5, 30])
def test_what_a_sweep_tells_is_true_of_each_of_its_steps(cuts, size):
    model, temperatures, n = a_model(size=size), [0, 0.5, 1.0, 2.0], 6
    got = sweep(model, [1], temperatures, n, 3, *cuts)
    model.eval()
    for k, temperature in enumerate(temperatures):
        ids = [1]
        for t in range(n):
            log_p, token = plain_step(model, ids), int(got.tokens[k, t])
            p = by_brute_force(log_p.tolist(), temperature, *cuts)
            assert got.log_prob[k, t].item() == pytest.approx(log_p[token].item(), abs=1e-5)
            entropy = -sum(q * math.log(q) for q in p if q)
            assert got.entropy[k, t].item() == pytest.approx(entropy, abs=1e-5)
            assert got.rank[k, t] == 1 + int((log_p > log_p[token]).sum())
            falling = log_p.argsort(descending=True)[:10].tolist()
            assert got.top_tokens[k, t].tolist() == falling
            top = [p[token] for token in falling]
            assert got.top_probs[k, t].tolist() == pytest.approx(top, abs=1e-5)
            ids.append(token)
    assert got.top_tokens.shape == (4, n, min(10, size))


def shared(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean number of tokens (K,N) that rows have in common from the start."""
    return float((one == other).long().cumprod(1).sum(1).double().mean())


def test_neighbouring_temperatures_share_their_noise():
    model = a_model(size=40)
    temperatures = [0.3 + 0.05 * k for k in range(35)]
    tokens, others = (sweep(model, [1], temperatures, 60, seed=seed).tokens for seed in (2, 3))
    assert shared(tokens[1:], tokens[:-1]) > 4 * shared(tokens[1:], others[:-1])
    assert len({tuple(row) for row in tokens.tolist()}) > 10


def test_a_sweep_goes_on_with_the_noise_of_the_tokens_it_is_given():
    model = a_model(size=40)
    whole = generate(model, [1, 2], 30, 0.9, seed=4)
    rest = sweep(model, [1, 2, *whole[:12].tolist()], [0.9], 18, seed=4, skip=12)
    assert torch.equal(rest.tokens[0], whole[12:])


def test_a_sweep_in_small_blocks_is_the_same_and_tells_how_far_it_is(monkeypatch):
    model, told = a_model(size=20), []
    whole = sweep(model, [1], TEMPERATURES, 30, seed=1)
    monkeypatch.setattr(sampling, "BLOCK", 7 * 20 * 4)
    parts = sweep(model, [1], TEMPERATURES, 30, seed=1, on_progress=told.append)
    for name, values in vars(whole).items():
        torch.testing.assert_close(getattr(parts, name), values, rtol=0, atol=0)
    assert told == pytest.approx([4 / 30 * k for k in range(1, 8)] + [1])


def test_a_sweep_of_nothing_is_empty_and_no_temperature_is_refused():
    got = sweep(a_model(), [1], [0.5, 1], 0)
    assert got.tokens.shape == got.entropy.shape == (2, 0)
    assert got.top_probs.shape == (2, 0, 6)
    with pytest.raises(ValueError, match="temperature"):
        sweep(a_model(), [1], [], 3)
    with pytest.raises(ValueError, match="n_tokens"):
        sweep(a_model(), [1], [1], -1)
