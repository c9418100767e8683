"""One step of the recurrence as LaTeX, with the numbers of one unit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from rnnviz.analysis.preactivation import PreActivation, Sum
from rnnviz.analysis.text_view import View
from rnnviz.nn.cell_types import required

Numbers: TypeAlias = dict[str, str]  # gate or state -> its value as LaTeX


def one_step(view: View, unit: int, t: int, added: PreActivation | None = None) -> list[str]:
    """The equations of one unit at token t (from 0), each with the unit's own numbers put in.
    `added`: what its pre-activation adds up, of an RNN."""
    now = {name: float(v[t, unit]) for name, v in (view.gates | view.states).items()}
    before = {name: float(v[t - 1, unit]) if t else 0.0 for name, v in view.states.items()}
    shown = {name: _digits(value) for name, value in now.items()}
    factors = {name: _in_parentheses(value) for name, value in shown.items()}
    previous = {name: _in_parentheses(_digits(value)) for name, value in before.items()}
    lines = for_cell_type(view.info.rnn_type)(shown, factors, previous)
    return lines if added is None else _with_sums(added, shown["a"], lines[-1])


def for_cell_type(rnn_type: str) -> Callable[[Numbers, Numbers, Numbers], list[str]]:
    """The function that writes a cell type's equations. Raises ValueError."""
    return required(EQUATIONS, rnn_type, "figures/equations")


def _lstm(shown: Numbers, now: Numbers, before: Numbers) -> list[str]:
    return [
        _aligned(
            r"c_t &= f_t \, c_{t-1} + i_t \, g_t",
            rf"{now['f']} \cdot {before['c']} + {now['i']} \cdot {now['g']}",
            shown["c"],
        ),
        _aligned(r"h_t &= o_t \tanh c_t", rf"{now['o']} \cdot \tanh({shown['c']})", shown["h"]),
    ]


def _gru(shown: Numbers, now: Numbers, before: Numbers) -> list[str]:
    return [
        _aligned(
            r"h_t &= (1 - z_t) \, n_t + z_t \, h_{t-1}",
            rf"(1 - {now['z']}) \cdot {now['n']} + {now['z']} \cdot {before['h']}",
            shown["h"],
        )
    ]


def _rnn(name: str, shown: Numbers, now: Numbers, before: Numbers) -> list[str]:
    function = rf"\mathrm{{{name}}}"
    return [_aligned(rf"h_t &= {function}(a_t)", rf"{function}({shown['a']})", shown["h"])]


def _with_sums(added: PreActivation, a: str, h: str) -> list[str]:
    """a = W x + U h + b above the equation of h; then its products over units, term by term."""
    of_x = added.from_x.total if isinstance(added.from_x, Sum) else added.from_x
    numbers = [_digits(of_x), _digits(added.from_h.total), _digits(added.bias)]
    plus = " + ".join([numbers[0], *map(_in_parentheses, numbers[1:])])
    sums = _aligned(r"a_t &= W x_t + U h_{t-1} + b", plus, a)
    lines = [sums, h]
    if isinstance(added.from_x, Sum):
        lines.append(_terms(r"W x_t", " below", added.from_x))
    return [*lines, _terms(r"U h_{t-1}", "", added.from_h)]


def height(line: str) -> int:
    """The pixels that Streamlit takes for one of these equations, by its rows."""
    return 28 + 29 * (1 + line.count(r"\\"))


def _terms(product: str, where: str, found: Sum) -> str:
    """A product's largest terms, one a line with the unit that it comes from, and the others."""
    rows = [
        rf"{_in_parentheses(_digits(term.weight))} \cdot {_in_parentheses(_digits(term.held))}"
        rf" && \text{{unit {term.unit}{where}}}"
        for term in found.largest
    ]
    if found.others:
        rest, plural = _in_parentheses(_digits(found.rest)), "s" * (found.others > 1)
        rows.append(rf"{rest} && \text{{{found.others} other unit{plural}}}")
    added = r" \\ &+ ".join(rows)
    return rf"\begin{{aligned}} {product} &= {added} \\ &= {_digits(found.total)} \end{{aligned}}"


# Arguments: the values of this step, the same in parentheses where negative, and the states of the
# step before.
EQUATIONS: dict[str, Callable[[Numbers, Numbers, Numbers], list[str]]] = {
    "LSTM": _lstm,
    "GRU": _gru,
    "RNN_TANH": partial(_rnn, "tanh"),
    "RNN_RELU": partial(_rnn, "relu"),
}


def _in_parentheses(number: str) -> str:
    """A factor of a product: parentheses around a negative number."""
    return f"({number})" if number[0] == "-" else number


def _digits(value: float) -> str:
    """Three significant digits in full: 0.0412, 12.3."""
    value += 0.0  # of -0.0: 0.0
    if value and abs(value) < 1e-4:
        digits, exponent = f"{value:.2e}".split("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def _aligned(*lines: str) -> str:
    """One equation over several lines, so that it fits a phone."""
    return r"\begin{aligned} " + r" \\ &= ".join(lines) + r" \end{aligned}"
