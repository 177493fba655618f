"""Pictures and pages: what jobs answer, made to be looked at.

matplotlib is asked for at the first picture and comes with ``pip install 'vaery[plots]'``. Nothing here touches its
global state: figures are made one by one and drawn by the Agg canvas.
"""
