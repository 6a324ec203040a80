import os

from sknnk._compute.memory import machine_memory


def test_a_machine_has_more_memory_than_this_process_and_a_whole_number_of_bytes():
    assert machine_memory() > 2**20 and machine_memory().is_integer()


def test_memory_is_infinite_where_the_system_does_not_say(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert machine_memory() == float("inf")
