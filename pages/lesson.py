"""The lecture's points, one screen each: predict, move, check, the point."""

from rnnviz.app.lesson import frame

body, top = frame.begin()
frame.show(frame.pick_stop(), body, top)
