import os

import pytest

from sknnk._compute.memory import machine_memory, refuse_beyond_memory


def test_a_machine_has_more_memory_than_this_process_and_a_whole_number_of_bytes():
    assert machine_memory() > 2**20 and machine_memory().is_integer()


def test_memory_is_infinite_where_the_system_does_not_say(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert machine_memory() == float("inf")


def test_what_is_larger_than_the_machine_is_refused_with_both_sizes_and_the_remedy():
    with pytest.raises(ValueError, match=r"^width=9 needs 2e\+03 GB, and the machine has 24 GB; use less\.$"):
        refuse_beyond_memory("width=9", 2e12, "use less", available=24e9)
    refuse_beyond_memory("width=9", 24e9, "use less", available=24e9)
    refuse_beyond_memory("width=9", 1.0, "use less")
