"""What every test may ask for lies in `support`."""

from hypothesis import settings

pytest_plugins = ["tests.support.report", "tests.support.fixtures", "tests.support.app", "tests.support.clinic"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("appointed", deadline=None)
settings.load_profile("appointed")
