"""What every test may ask for lies in `support`."""

from hypothesis import settings

pytest_plugins = [f"tests.support.{name}" for name in ("report", "groups", "fixtures", "app", "clinic")]

# How long an example takes says more about the machine than about the code.
settings.register_profile("appointed", deadline=None)
settings.load_profile("appointed")
# Whoever breaks the rules on purpose runs their tests thousands of times: few examples, and the same ones every time.
settings.register_profile("mutants", deadline=None, max_examples=20, derandomize=True, database=None)
