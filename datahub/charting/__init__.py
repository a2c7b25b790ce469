"""Columns of a battery over time in as few points as a chart has: how they are found, however many rows there are."""
