"""Parts of a page that are drawn anew while something goes on in the background."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

SECONDS = 0.5  # from one drawing to the next


def live(is_going_on: Callable[[], bool], draw: Callable[[], None]) -> None:
    """Draw now, and every SECONDS while something goes on; the whole page once more at its end."""
    did = is_going_on()

    @st.fragment(run_every=SECONDS if did else None)
    def drawn_now() -> None:
        draw()
        if did and not is_going_on():
            st.rerun()

    drawn_now()
