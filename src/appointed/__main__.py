"""Where the command line begins."""

import gc

# What is imported stays: looking through it for garbage took a quarter of the time of a command that does little.
gc.disable()

from appointed.cli import app  # noqa: E402

gc.freeze()
gc.enable()


def main() -> None:
    app()


if __name__ == "__main__":
    main()
