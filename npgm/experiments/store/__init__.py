"""Runs, trained once, kept, measured: what every experiment is made of."""
