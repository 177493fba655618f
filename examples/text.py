"""Texts: new sentences, a beginning completed, a gap filled, the way from one to another, words that do not belong.

    python examples/text.py

The sentences are what Python says about itself.
"""

import re
from pydoc_data.topics import topics

from vaery import VAE

prose = " ".join(" ".join(topics.values()).split())
texts = [text for text in re.findall(r"[A-Z][^.`*|]{20,120}\.", prose) if text.isascii()]
model = VAE(random_state=0).fit(texts, budget="3m")
print("new:", *model.generate(5, temperature=0.8, seed=0), sep="\n  ")
print("completed:", *model.generate(3, given={"text": ("The value of", ...)}, temperature=0.8, seed=0), sep="\n  ")
print("filled:", *model.generate(3, given={"text": ("If", ..., "is raised.")}, temperature=0.8, seed=0), sep="\n  ")
print("from one to another:", *model.interpolate(texts[:1], texts[9:10], steps=5), sep="\n  ")
odd = re.sub(r" (\w+) is ", r" \1 banana ", next(text for text in texts if " is " in text))
reasons = model.detect([odd])["reasons"][0]
print("odd:", odd, *(f"{r['cell']}: {r['bits']:.1f} bits, expected: {r.get('expected')}" for r in reasons), sep="\n  ")
