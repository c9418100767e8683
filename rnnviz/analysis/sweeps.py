"""What a run writes after a prompt at 41 temperatures at once, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.counted import counts_after
from rnnviz.data.vocab import writable

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from rnnviz.analysis.sampling import Sweep
    from rnnviz.data.vocab import Vocab
    from rnnviz.runs.info import RunInfo
    from rnnviz.runs.run import Run

TEMPERATURES = tuple(round(0.05 * k, 2) for k in range(41))
BARS = 12  # tokens whose next probability is drawn
MANY_TOKENS = 1_000  # larger vocabularies get the ten likeliest tokens of a step on request


@dataclass(frozen=True)
class SamplingOptions:
    """The seed of the noise, top-k and top-p."""

    seed: int = 0
    top_k: int | None = None
    top_p: float | None = None


@dataclass(frozen=True, eq=False)
class RunSweep:
    """The sweep of a run over K = 41 temperatures after a prompt.

    `fixed`: in a fork, the tokens that were put between the prompt and the sweep. Of the next
    token after these: `likeliest` (12,) ids and `logits` (12,) of the likeliest tokens, fewer
    where the vocabulary is smaller; `probs` (K,12): their probabilities, of the softmax over the
    full vocabulary; `next_entropy` (K,): in nats; `before`: the id of the token before it.
    """

    info: RunInfo
    prompt: str
    fixed: tuple[int, ...]
    sweep: Sweep
    likeliest: np.ndarray
    logits: np.ndarray
    probs: np.ndarray
    next_entropy: np.ndarray
    before: int

    @property
    def next_counts(self) -> bool:
        """Whether the run is judged by the token after the given ones."""
        return bool(counts_after(self.info.cue, np.array(self.before)))

    @property
    def counts(self) -> np.ndarray:
        """Whether the run is judged by each token of the sweep (K,N)."""
        tokens = self.sweep.tokens.numpy()
        first = np.full((len(tokens), 1), self.before)
        return counts_after(self.info.cue, np.concatenate([first, tokens], 1)[:, :-1])


def sweep_run(
    run: Run,
    prompt: str,
    n_tokens: int,
    options: SamplingOptions,
    fixed: tuple[int, ...] = (),
    on_progress: Callable[[float], object] = lambda share: None,
) -> RunSweep:
    """Sweep a run over all temperatures. `n_tokens` includes the fixed ones; `on_progress` is
    called with the share that is done."""
    import torch

    from rnnviz.analysis.sampling import temperature_sweep

    ids = prompt_ids(run, prompt, options.seed)
    given = torch.cat([ids, torch.tensor(fixed, dtype=torch.int64)])
    sweep = temperature_sweep(
        run.model,
        given,
        TEMPERATURES,
        max(0, n_tokens - len(fixed)),
        options.seed,
        options.top_k,
        options.top_p,
        top=10 if len(run.vocab) <= MANY_TOKENS else 1,
        skip=len(fixed),
        on_progress=on_progress,
    )
    found = _next_token(run, given, options)
    return RunSweep(run.info, prompt, fixed, sweep, **found, before=int(given[-1]))


def _next_token(run: Run, ids: Tensor, options: SamplingOptions) -> dict[str, np.ndarray]:
    """What follows ids (T,): the fields `likeliest`, `logits`, `probs`, `next_entropy`."""
    import torch

    from rnnviz.analysis.sampling import next_logits, scores

    logits = next_logits(run.model, ids).double()  # (V,)
    column = torch.tensor(TEMPERATURES, dtype=torch.float64)[:, None]  # (K,1)
    log_p = scores(logits.expand(len(column), -1), column, options.top_k, options.top_p)  # (K,V)
    p = log_p.exp()
    top = logits.topk(min(BARS, len(logits)))
    return {
        "likeliest": top.indices.numpy(),
        "logits": top.values.numpy(),
        "probs": p[:, top.indices].numpy(),
        "next_entropy": -(p * log_p.clamp(min=-1e300)).sum(-1).numpy(),
    }


def prompt_ids(run: Run, prompt: str, seed: int) -> Tensor:
    """Ids (T,) of a prompt; of an empty one the random token that this seed begins with."""
    import torch

    from rnnviz.analysis.sampling import first_token

    ids = run.ids(prompt)
    return ids if len(ids) else torch.tensor([first_token(len(run.vocab), seed)])


def forked(sweep: RunSweep, row: int, place: int, token: int) -> tuple[int, ...]:
    """The tokens that a fork fixes: those before a place in row `row`, then another token."""
    return (*tokens_before(sweep, row, place), token)


def tokens_before(sweep: RunSweep, row: int, place: int) -> list[int]:
    """The tokens between the prompt and a place in row `row` (TEMPERATURES[row])."""
    return [*sweep.fixed, *sweep.sweep.tokens[row, :place].tolist()]


def translated(vocab: Vocab, fixed: tuple[int, ...], other: Vocab) -> tuple[int, ...]:
    """Tokens of one vocabulary as tokens of another; the same ids where both are the same."""
    if vocab == other:
        return fixed
    return tuple(other.encode(vocab.decode(fixed)).tolist())


def likeliest(
    run: Run, sweep: RunSweep, row: int, place: int, options: SamplingOptions
) -> tuple[list, list]:
    """The ten likeliest tokens at a place in row `row`, and their probabilities."""
    import torch

    from rnnviz.analysis.sampling import next_token

    ids = prompt_ids(run, sweep.prompt, options.seed).tolist()
    ids += tokens_before(sweep, row, place)
    p = next_token(run.model, ids, TEMPERATURES[row], options.top_k, options.top_p)  # (V,)
    top = torch.topk(p, min(10, len(p)))
    return top.indices.tolist(), top.values.tolist()


def frame(sweep: RunSweep) -> pd.DataFrame:
    """The sweep as a table: a line for each temperature and token, and of a task with a cue whether
    the token counts."""
    import pandas as pd

    found, vocab = sweep.sweep, sweep.info.vocab
    rows, count = found.tokens.shape
    counts = {} if sweep.info.cue is None else {"counts": sweep.counts.flatten()}
    return pd.DataFrame(
        {
            "temperature": np.repeat(TEMPERATURES, count),
            "position": np.tile(np.arange(1, count + 1), rows),
            "token": [writable(vocab.id2token[i]) for i in found.tokens.flatten().tolist()],
            "log_prob": found.log_prob.flatten(),
            "rank": found.rank.flatten(),
            "entropy": found.entropy.flatten(),
            **counts,
        }
    )


def words(
    run: Run,
    prompt: str,
    count: int,
    temperature: float,
    options: SamplingOptions = SamplingOptions(),
) -> str:
    """`count` words that follow a prompt, as the lab of the lecture notes writes them. Raises
    ValueError."""
    from rnnviz.analysis.sampling import generate

    if count < 0:
        raise ValueError(f"count must be at least 0, not {count}")
    chars = run.vocab.level == "char"
    n_tokens = count * 12 if chars else count
    ids = generate(
        run.model,
        run.ids(prompt),
        n_tokens,
        temperature,
        options.top_k,
        options.top_p,
        options.seed,
    )
    text = writable(run.vocab.decode(ids.tolist()))
    return "".join(re.findall(r"\s*\S+", text)[:count]) if chars else text


def generate_txt(run: Run, prompt: str, temperature: float, options: SamplingOptions) -> str:
    """generate.txt of the lab: 1000 words, below a line that says how they were made."""
    how = [run.info.name, f"temperature {temperature:g}", f"seed {options.seed}"]
    how += [f"top-k {options.top_k}"] if options.top_k else []
    how += [f"top-p {options.top_p:g}"] if options.top_p else []
    return f"# {', '.join(how)}\n{words(run, prompt, 1000, temperature, options)}\n"
