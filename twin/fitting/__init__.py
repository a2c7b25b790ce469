"""Fit a cell model to a battery's rows or to a file, and keep what was found as a parameter set."""
