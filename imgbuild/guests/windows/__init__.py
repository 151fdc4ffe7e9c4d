"""Windows guests: the files of one in, its identity and the values of its registry out.

Modules: ``regf`` (the cells of a hive), ``hives`` (keys and values by their names), ``registry`` (the hives of one
guest), ``products`` (which product a build is), ``identity`` (the contract's ``OperatingSystem``).
"""
