"""One file for each sort of finding. A file holds a function of its own name: ``(table) -> findings``.

They are found by listing: another sort of finding is another file, and nothing else is edited.
"""
