"""Lab recordings as recordings of ours: opened lazily, with true geometry and units.

Each kind of file has a module of its own with `recognises(path)` and `signals(path)`;
what it finds are `cortexwave.lab.signals.Signal`s, which nothing has read yet.
"""
