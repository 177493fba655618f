"""The report card of a model of series: gaps filled and odd stretches found, beside what anybody would try first.

Its rows are steps. They are judged by segments, since neighbours are alike: a segment is drawn again, or is not, as a
whole.
"""
