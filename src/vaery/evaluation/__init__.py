"""The report card of a model: every job it can do, tried on rows it never saw, beside the obvious simple method.

``run`` makes it. One file in ``checks`` for each job that is tested, found by listing; ``views`` gathers what the
pictures show.
"""
