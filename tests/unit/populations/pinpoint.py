"""The command line as a program of its own, for tests that end it in the middle."""

from cds_hooks.cli import main

main(prog_name="pinpoint")
