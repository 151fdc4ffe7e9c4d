"""The documents that imgbuild writes, one module for each kind; the values that they share are in model.py."""
