"""Telling people what happened: letters, and the ways they leave by."""
