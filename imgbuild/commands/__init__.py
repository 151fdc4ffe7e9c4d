"""The commands: words in, streams and exit status out. One file for each; none holds more than that.

Steps and reports are imported inside the functions: ``imgbuild --version`` and ``--help`` need none of them.
"""
