"""The lecture's points, one screen each: predict, move, check, the point."""

import streamlit as st

from rnnviz._paths import component
from rnnviz.app import page, state
from rnnviz.app.lesson import frame

frame.leave_or_return()
st.html(f"<style>{component('lesson.css')}</style>")
top = st.container(key=state.LESSON_TOP, horizontal=True, vertical_alignment="center")
with top:
    page.start_page("Lesson")
frame.show(frame.pick_stop(), top)
