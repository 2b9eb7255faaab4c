"""The command line: one file per command, and what the commands share."""

from .start import guard_start

guard_start()  # before anything slow is imported
