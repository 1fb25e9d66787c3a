"""Erasing patients, as far as the law lets, and their records when it does."""
