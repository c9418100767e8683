"""The table of cell types: what sets one apart from the others, without its equations.

A new cell type is an entry here; `required` names the other places that must know it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class CellType:
    """One cell type.

    `gates`: its gates and candidates in PyTorch's order, each one block of H rows in W_ih, W_hh
    and the biases. `sigmoids`: those with values in 0..1. `feeds_h`: those that act on h directly;
    `feeds_c`: those that act on h through the cell state, none without one. `keep_gate`: the
    gate that says how much of the old state is kept. `bounded`: whether h lies in -1..1.
    `separate_products`: whether a gate needs W x and U h apart, not only their sum.
    """

    gates: tuple[str, ...]
    feeds_h: tuple[str, ...]
    feeds_c: tuple[str, ...] = ()
    sigmoids: tuple[str, ...] = ()
    keep_gate: str | None = None
    bounded: bool = True
    separate_products: bool = False

    @property
    def has_cell_state(self) -> bool:
        return bool(self.feeds_c)

    @property
    def feeds(self) -> tuple[tuple[str, ...], ...]:
        """The gates by the state they act on: those of h, then those of c if there is one."""
        return (self.feeds_h, self.feeds_c) if self.feeds_c else (self.feeds_h,)

    @functools.cached_property
    def fed(self) -> tuple[int, ...]:
        """The state that each gate acts on: 0 for h, 1 for c."""
        return tuple(int(gate in self.feeds_c) for gate in self.gates)

    @property
    def blocks(self) -> int:
        """Blocks of H rows in each weight matrix."""
        return len(self.gates)

    @property
    def orders_units(self) -> str:
        """The gate by which units are sorted: the one that keeps, else the first."""
        return self.keep_gate or self.gates[0]


CELL_TYPES = {
    "LSTM": CellType(
        gates=("i", "f", "g", "o"),
        feeds_h=("o",),
        feeds_c=("i", "f", "g"),
        sigmoids=("i", "f", "o"),
        keep_gate="f",
    ),
    "GRU": CellType(
        gates=("r", "z", "n"),
        feeds_h=("r", "z", "n"),
        sigmoids=("r", "z"),
        keep_gate="z",
        separate_products=True,
    ),
    "RNN_TANH": CellType(gates=("a",), feeds_h=("a",)),
    "RNN_RELU": CellType(gates=("a",), feeds_h=("a",), bounded=False),
}
RNN_TYPES = tuple(CELL_TYPES)
SIGMOIDS = tuple(dict.fromkeys(gate for cell in CELL_TYPES.values() for gate in cell.sigmoids))


def unknown(rnn_type: str, where: str) -> ValueError:
    """The error of a place that has nothing for a cell type; its message names the place."""
    return ValueError(f"{where} has no entry for the cell type {rnn_type!r}")


def required(table: Mapping[str, T], rnn_type: str, where: str) -> T:
    """The entry of a cell type in a table that must know all of them. Raises ValueError."""
    if rnn_type not in table:
        raise unknown(rnn_type, where)
    return table[rnn_type]
