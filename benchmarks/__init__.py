"""How fast tutor is, beside peers that do the same work, measured in one interleaved run."""
