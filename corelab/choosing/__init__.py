"""The rules of choice, pure: which series fit a trial, and which of those is measured."""
