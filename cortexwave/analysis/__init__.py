"""Waves measured in recordings of any origin."""
