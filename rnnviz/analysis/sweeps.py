"""What runs write after a prompt, at 41 temperatures at once, as one message for assets/sampler.js.

The message is zlib: a little-endian uint32 n, a JSON header of n bytes, then the arrays that the
header names by their place. The browser moves its slider over it without asking again.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.data.vocab import EOS, writable
from rnnviz.figures import signals

if TYPE_CHECKING:
    import pandas as pd

    from rnnviz.analysis.sampling import Sweep
    from rnnviz.data.vocab import Vocab
    from rnnviz.runs.info import RunInfo
    from rnnviz.runs.run import Run

TEMPERATURES = tuple(round(0.05 * k, 2) for k in range(41))
BARS = 12  # tokens whose next probability is drawn
MANY_TOKENS = 1_000  # vocabularies above it get their ten likeliest tokens on request
PROMPT_SHOWN = 300  # characters
PROMPTS = {
    "python-source": "def main(",
    "python-docs": "The function",
    "recall": "Dbagcfhedabgchfeadbcghfaebdcgfha?",
    "brackets": "([{",
    "counting": "aaaaa",
}


@dataclass(frozen=True)
class Cuts:
    """How to draw: the seed of the noise (None: any), top-k and top-p."""

    seed: int | None = 0
    top_k: int | None = None
    top_p: float | None = None


@dataclass(frozen=True, eq=False)
class Said:
    """A run's sweep after a prompt and, in a fork, the tokens `fixed` that were chosen for it.

    `likeliest` (12,) ids of the likeliest next tokens; `logits` (12,) theirs; `probs` (41,12)
    at each temperature over the full vocabulary, `next_entropy` (41,) in nats.
    """

    info: RunInfo
    prompt: str
    fixed: tuple[int, ...]
    sweep: Sweep
    likeliest: np.ndarray
    logits: np.ndarray
    probs: np.ndarray
    next_entropy: np.ndarray


def said(
    run: Run,
    prompt: str,
    n_tokens: int,
    cuts: Cuts,
    fixed: tuple[int, ...] = (),
    tell: Callable[[float], None] = lambda share: None,
) -> Said:
    """Sweep a run over all temperatures. `n_tokens` counts the fixed ones, too."""
    import torch

    from rnnviz.analysis.sampling import next_logits, scores, temperature_sweep

    ids = started(run, prompt, cuts.seed)
    whole = torch.cat([ids, torch.tensor(fixed, dtype=torch.int64)])
    sweep = temperature_sweep(
        run.model,
        whole,
        TEMPERATURES,
        max(0, n_tokens - len(fixed)),
        cuts.seed,
        cuts.top_k,
        cuts.top_p,
        top=10 if len(run.vocab) <= MANY_TOKENS else 1,
        skip=len(fixed),
        tell=tell,
    )
    logits = next_logits(run.model, whole).double()  # (V,)
    column = torch.tensor(TEMPERATURES, dtype=torch.float64)[:, None]  # (K,1)
    log_p = scores(logits.expand(len(column), -1), column, cuts.top_k, cuts.top_p)  # (K,V)
    p = log_p.exp()
    top = logits.topk(min(BARS, len(logits)))
    return Said(
        run.info,
        prompt,
        fixed,
        sweep,
        likeliest=top.indices.numpy(),
        logits=top.values.numpy(),
        probs=p[:, top.indices].numpy(),
        next_entropy=-(p * log_p.clamp(min=-1e300)).sum(-1).numpy(),
    )


def started(run: Run, prompt: str, seed: int):
    """Ids (T,) of a prompt; an empty one is the random token that a seed begins with."""
    import torch

    from rnnviz.analysis.sampling import first_token

    ids = run.ids(prompt)
    return ids if len(ids) else torch.tensor([first_token(len(run.vocab), seed)])


def forked(said: Said, row: int, place: int, token: int) -> tuple[int, ...]:
    """The tokens that a fork fixes: those before a place at a temperature, then another one."""
    return (*before(said, row, place), token)


def before(said: Said, row: int, place: int) -> list[int]:
    """The tokens after the prompt and before a place of the sweep at a temperature."""
    return [*said.fixed, *said.sweep.tokens[row, :place].tolist()]


def translated(vocab: Vocab, fixed: tuple[int, ...], other: Vocab) -> tuple[int, ...]:
    """The same tokens for another vocabulary: the same ids where it is the same."""
    if vocab == other:
        return fixed
    return tuple(other.encode(vocab.decode(fixed)).tolist())


def likeliest(run: Run, said: Said, row: int, place: int, cuts: Cuts) -> tuple[list, list]:
    """The ten likeliest tokens at a place at a temperature, and their probabilities."""
    import torch

    from rnnviz.analysis.sampling import next_token

    ids = [*started(run, said.prompt, cuts.seed).tolist(), *before(said, row, place)]
    p = next_token(run.model, ids, TEMPERATURES[row], cuts.top_k, cuts.top_p)
    top = torch.topk(p, min(10, len(p)))
    return top.indices.tolist(), top.values.tolist()


def pack(originals: Sequence[Said], forks: Sequence[Said], dark: bool) -> bytes:
    """The message. Forks, where there are any, stand beside the originals in the same order."""
    blob = _Blob()
    header = {
        "temperatures": TEMPERATURES,
        "models": [_described(said, blob, dark) for said in originals],
        "forks": [_described(said, blob, dark) for said in forks],
    }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 4)  # the arrays begin at a place they can be read from
    return zlib.compress(struct.pack("<I", len(encoded)) + encoded + bytes(blob.content), 1)


class _Blob:
    """Arrays one behind the other, each at a multiple of four bytes."""

    def __init__(self) -> None:
        self.content = bytearray()

    def put(self, values, dtype: str) -> list:
        """[offset, dtype] of what was put there."""
        at = len(self.content)
        self.content += np.ascontiguousarray(values, dtype).tobytes()
        self.content += b"\0" * (-len(self.content) % 4)
        return [at, dtype[1:]]


def _described(said: Said, blob: _Blob, dark: bool) -> dict:
    vocab, sweep = said.info.vocab, said.sweep
    ids = "<u2" if len(vocab) < 2**16 else "<u4"
    arrays = {
        "tokens_at": blob.put(sweep.tokens, ids),
        "rank": blob.put(sweep.rank, ids),
        "surprise": blob.put(-sweep.log_prob, "<f4"),
        "entropy": blob.put(sweep.entropy, "<f4"),
    }
    if len(vocab) <= MANY_TOKENS:
        arrays["top"] = blob.put(sweep.top_tokens, ids)
        steps = (sweep.top_probs * 65535).round().clamp(min=1)
        arrays["share"] = blob.put(steps.masked_fill(sweep.top_probs == 0, 0), "<u2")
    prompt = said.prompt[-PROMPT_SHOWN:]
    if prompt != said.prompt:
        prompt = f"\u2026{prompt}"
    if vocab.level == "word" and prompt[-1:].strip():
        prompt += " "
    return {
        "label": said.info.rnn_type,
        "title": said.info.name,
        "color": signals.color(said.info.rnn_type, dark),
        "tokens": ["\n" if token == EOS else token for token in vocab.id2token],
        "words": vocab.level == "word",
        "prompt": prompt,
        "fixed": said.fixed,
        "count": sweep.tokens.shape[1],
        "tops": sweep.top_tokens.shape[-1],
        "arrays": arrays,
        "next": said.likeliest.tolist(),
        "logits": _short(said.logits),
        "probs": [_short(row) for row in said.probs],
        "next_entropy": _short(said.next_entropy),
    }


def _short(values: np.ndarray) -> list[float]:
    """Six digits of each number: more than are shown."""
    return [float(f"{value:.6g}") for value in values]


def frame(said: Said) -> pd.DataFrame:
    """The sweep as a table: a line for each temperature and token."""
    import pandas as pd

    sweep, vocab = said.sweep, said.info.vocab
    rows, count = sweep.tokens.shape
    return pd.DataFrame(
        {
            "temperature": np.repeat(TEMPERATURES, count),
            "position": np.tile(np.arange(1, count + 1), rows),
            "token": [writable(vocab.id2token[i]) for i in sweep.tokens.flatten().tolist()],
            "log_prob": sweep.log_prob.flatten(),
            "rank": sweep.rank.flatten(),
            "entropy": sweep.entropy.flatten(),
        }
    )


def words(run: Run, prompt: str, count: int, temperature: float, cuts: Cuts = Cuts(seed=0)) -> str:
    """So many words that follow a prompt, as the lecture notes' lab writes them."""
    from rnnviz.analysis.sampling import generate

    chars = run.vocab.level == "char"
    n_tokens = count * 12 if chars else count
    options = (temperature, cuts.top_k, cuts.top_p, cuts.seed)
    ids = generate(run.model, run.ids(prompt), n_tokens, *options)
    text = writable(run.vocab.decode(ids.tolist()))
    return "".join(re.findall(r"\s*\S+", text)[:count]) if chars else text


def generate_txt(run: Run, prompt: str, temperature: float, cuts: Cuts) -> str:
    """generate.txt of the lab: 1000 words, under a line that says how they were made."""
    how = [run.info.name, f"temperature {temperature:g}", f"seed {cuts.seed}"]
    how += [f"top-k {cuts.top_k}"] if cuts.top_k else []
    how += [f"top-p {cuts.top_p:g}"] if cuts.top_p else []
    return f"# {', '.join(how)}\n{words(run, prompt, 1000, temperature, cuts)}\n"
