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

study_document.py, study_material.py   the study        primaries.py   what is measured
parts.py, measuring.py  every recording, measured once  seen_models.py  the operator
wave_facts.py, memory_facts.py, link_facts.py           facts_file.py  tables of a part
calibrating.py, session_values.py                       loudness.py  of the band
measure_samples.py, measure_rows.py, study_rows.py      comparing.py   all together
report_*.py, panel_tables.py, methods_text.py           reporting.py   the page

thorough.py, cost.py                                    --thorough
grid_passes.py, amplitude_gate.py, robustness_grid.py   every choice    (panel O)
response_reach.py, packets.py, format_recovery.py       rivals on both sides (panel P)
"""
