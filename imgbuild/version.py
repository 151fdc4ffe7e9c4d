"""The version of imgbuild, in a file of its own so that nothing else is imported to print it."""

__version__ = "0.1.0"
