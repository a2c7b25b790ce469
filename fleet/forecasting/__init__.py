"""Energy that is expected of an asset; a model sees the quarters that ended before the window begins, and no other."""
