"""Renderers: pure functions from a Solution to text, one module per target."""
