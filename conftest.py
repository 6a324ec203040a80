"""Docstring examples of an extra that is not installed are not collected; its tests skip themselves."""

from importlib.util import find_spec

# Not --doctest-ignore-import-errors, which passes over broken test files as well.
collect_ignore_glob = [] if find_spec("torch") and find_spec("safetensors") else ["sknnk/torch/*"]
