"""The program: ``imgbuild`` and ``python -m imgbuild``."""

from __future__ import annotations

from imgbuild.commands.program import program


def main() -> None:
    """Run the command line and end with its exit status."""
    program(prog_name="imgbuild")


if __name__ == "__main__":
    main()
