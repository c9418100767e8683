"""The five shapes of input and output, each with a model that runs."""

import streamlit as st

from rnnviz.app import (
    address,
    caches,
    page,
    shape_makers,
    shape_sections,
    shape_training,
    shapes,
    terms,
)

page.start_page("Shapes")
terms.intro(
    "A recurrent network can read many inputs and write many outputs, or one. Choose a shape, make "
    "an input, and follow its values step by step.",
    "unit",
    "nats",
)
address.read(caches.run_list(), shapes.FIELDS)
address.show([], None, 0)
dark = page.is_dark()


@address.fragment(shapes.FIELDS)
def one() -> None:
    with page.sentences():
        now = shapes.shown()
        shapes.diagram(now, dark)
        shapes.pick_task(now)
        left, right = st.columns(2, gap="large")
        with left:
            shape_makers.maker(now)
        with right:
            shape_sections.output(now, dark)
        shape_sections.told(now, dark)
        shape_sections.inside(now, dark)
        shape_sections.gradient(now, dark)
        shape_sections.generalisation(now, dark)
        shape_training.show(now.task, dark)
    page.show_sentence()


one()
address.write(shapes.FIELDS)
