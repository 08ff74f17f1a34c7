"""``python -m mlportal``: the command line."""

from mlportal.cli import main

main()
