"""Protocols: YAML documents, checked and frozen."""
