"""Where the root key lives: a provider seals and opens other keys with it, so it can stay in a device."""

from typing import Protocol


class RootKey(Protocol):
    """A root key ready for use."""

    def seal(self, key: bytes, bound: bytes) -> bytes:
        """`key`, sealed for the name in `bound`."""

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """The key in `sealed`; raises TamperedRowError where it was changed or sealed for another name."""
