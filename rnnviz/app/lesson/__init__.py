"""The lesson: the lecture's points in stops of one screen each.

`texts` reads what a stop says from assets/lesson/en/NN.md, `stop` says what else a stop is,
`stops` lists them, `frame` draws them. Each other module is one stop: its figure, its controls and
what is checked. A new stop is a text, a module and a line in `stops`.
"""
