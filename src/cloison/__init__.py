"""A register of people, tens of millions of them, that no stolen account can empty."""

__version__ = "0.1.0"
