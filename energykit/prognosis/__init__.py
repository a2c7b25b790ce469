"""How healthy a battery will be: trend, published ageing equations, their back-test and their scores. Arrays only.

Forecasts reach from the last estimate ahead and come as quantiles. scipy is imported by `trend` and `ageing` only, so
import the names from their modules where boot time counts.
"""
