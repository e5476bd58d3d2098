"""Figures of hidden waves: spectrum, operator, contents that slide, decoder, gradient.

Drawing only, of labelled data sets as `learning.hidden_waves` makes them.
"""

from __future__ import annotations

from cortexwave.view.hidden_contents import draw_contents, draw_decoder, draw_stripes
from cortexwave.view.hidden_operators import draw_eigenvalues, draw_operator
from cortexwave.view.memory_gradient import draw_memory_gradient

__all__ = [
    "draw_contents",
    "draw_decoder",
    "draw_eigenvalues",
    "draw_memory_gradient",
    "draw_operator",
    "draw_stripes",
]
