"""The lecture's points, one screen each: predict, move, check, the point."""

from rnnviz.app.lesson import frame

top, body = frame.begin()
frame.show(frame.pick_stop(), top, body)
