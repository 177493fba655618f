"""The vocabulary: what every other folder speaks in. Imports torch, numpy and the standard library only.

Axes, always in this order: ``S`` draws · ``B`` rows · ``E…`` a field's event · ``M…`` the leading part of ``E`` that
can be missing by itself. Log-probabilities are in nats, higher is more likely.
"""
