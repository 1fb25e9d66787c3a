"""Visits: the reference domain that every other one looks like."""
