"""By default one thread works, blocks have the fastest size, and nobody watches."""

from dataclasses import FrozenInstanceError

import pytest

from sknnk._integration import NO_PROGRESS, Execution


def test_the_defaults_are_the_plainest_way():
    execution = Execution()
    assert (execution.threads, execution.batch_size, execution.progress) == (1, None, NO_PROGRESS)


def test_nobody_changes_it_on_the_way():
    with pytest.raises(FrozenInstanceError):
        Execution().threads = 2
