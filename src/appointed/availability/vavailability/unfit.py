"""What hours cannot be."""


class Unfit(Exception):
    """Something that a component says cannot be kept as hours; `name` is the property that says it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name
