"""The listed mutants can still be made from the code as it is: each finds its place, and changes something."""

import pytest
from tools.mutants import ROOT, Mutant, listed


def test_each_is_told_apart() -> None:
    assert len({mutant.says for mutant in listed()}) == len(listed())


@pytest.mark.parametrize("mutant", listed(), ids=lambda mutant: mutant.says)
def test_a_mutant_finds_its_place(mutant: Mutant) -> None:
    assert mutant.complaint() is None
    assert mutant.old != mutant.new
    assert mutant.tests
    for file, _, name in (test.partition("::") for test in mutant.tests if "::" in test):
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text()
