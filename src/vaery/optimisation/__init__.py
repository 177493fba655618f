"""Better candidates: a search through what a model can make for what a function, or a column of it, says is best.

``search`` is the loop, and knows nothing of models; ``space`` is what a model can make under conditions; ``surrogate``
learns from the calls so far where to call next; ``target`` is what is raised, its calls counted. ``optimise`` puts them
together.
"""

from vaery.optimisation.optimise import optimise
from vaery.optimisation.result import Optimised

__all__ = ["Optimised", "optimise"]
