"""A model and recordings of animals, measured alike and compared.

samples.py              values with their animal and session
distances.py            between samples, curves, mixtures      circular_statistics.py
circular_modes.py       none, one or two preferred directions  effect_sizes.py
resampling.py           how far a number is known              permutation.py
ceiling.py              in units of how animals differ         equivalence.py
multiplicity.py         many tests at once                     pipeline_grid.py
scales.py, gates.py     two free scales; what must hold        published_bands.py
recovery.py             whether rivals can be told apart       rival_formats.py
verdicts.py             the only sentences there are
"""
