"""Constraints: what every row has to keep, written as ``"start <= end"``, ``"total = price + tax"``, ``"unique(id)"``.

``parse`` reads them, ``reckon`` says whether they hold, ``rules`` is what a fitted model keeps of them, ``conflict``
refuses conditions that contradict them, and ``keep`` is the one place where rows are made to keep them.
"""
