import re
from types import SimpleNamespace

import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, BundledNetworkRegressorCV
from sknnk._compute.threads import over_threads
from sknnk._integration.printed_progress import printed
from sknnk._integration.tasks import NO_PROGRESS, Task

X = np.random.default_rng(0).normal(size=(60, 3))
y = np.sin(X[:, 0])


def said(capsys, name="BundledNetworkRegressor"):
    """Lines without the name and the seconds."""
    lines = capsys.readouterr().out.splitlines()
    assert all(line.lstrip("\r").startswith(f"[{name}] ") for line in lines)
    return [re.sub(r" after \d+\.\d s", "", line).replace(f"[{name}] ", "") for line in lines]


def test_stages_say_when_they_begin_and_end_and_the_solution_comes_last(capsys):
    BundledNetworkRegressor(8, verbose=1, batch_size=20, random_state=0).fit(X, y)
    first, second, third, fourth, last = said(capsys)
    assert (first, second) == ("choose-kernel begins", "choose-kernel ends")
    assert (third, fourth) == ("sum-rows begins", "sum-rows ends")
    assert last.startswith("60 rows, 11 columns, solver=primal")


@pytest.mark.parametrize("silent", [{}, {"verbose": 0}, {"verbose": False}])
def test_silence_is_the_default(silent, capsys):
    BundledNetworkClassifier(8, alpha=1.0, random_state=0, **silent).fit(X, y > 0.0)
    assert capsys.readouterr().out == ""


def test_a_search_says_its_kernels_and_the_refit(capsys):
    BundledNetworkRegressorCV(
        (4, 8), alphas=1.0, activations=["gaussian", "sin"], preprocessing="fold", cv=2, verbose=1, random_state=0
    ).fit(X, y)
    counts = ["score-counts begins", "score-counts ends"]
    lines = [line for line in said(capsys, "BundledNetworkRegressorCV") if "2 splits, 2 counts" not in line]
    assert lines == ["search begins", *counts, *counts, "search ends", "refit begins", "refit ends"]


def test_a_bar_fills_and_gives_way_to_the_last_line(capsys):
    fit = printed(SimpleNamespace(verbose=2), Task())
    with fit.part("solve", 4) as done:
        over_threads(done, [()] * 4, threads=2)
    begins, *bars, ends = capsys.readouterr().out.split("\r")
    assert begins.startswith("[SimpleNamespace] solve begins\n[SimpleNamespace] solve [##########....")
    assert [bar.count("#") for bar in bars] == [20, 30, 40] and bars[-1].endswith(" 100 %")
    assert ends.startswith("[SimpleNamespace] solve ends after 0.0 s") and len(ends) == len(bars[-1]) + 1


def test_more_steps_than_announced_do_no_harm(capsys):
    with printed(SimpleNamespace(verbose=2), Task()).part("solve", 0) as done:
        done()
    with printed(SimpleNamespace(verbose=2), Task()).part("solve", 1) as done:
        done()
        done()
    assert "200 %" not in capsys.readouterr().out


def test_a_stage_that_fails_says_so(capsys):
    with pytest.raises(ZeroDivisionError), printed(SimpleNamespace(verbose=1), Task()).part("solve", 1):
        _ = 1 / 0
    assert said(capsys, "SimpleNamespace") == ["solve begins", "solve stops"]


def test_without_verbose_nothing_is_between():
    assert printed(SimpleNamespace(), NO_PROGRESS) is NO_PROGRESS
    assert printed(SimpleNamespace(verbose="x"), NO_PROGRESS) is NO_PROGRESS


class Count(Task):
    """Counts what it is told."""

    steps = 0

    def __call__(self):
        self.steps += 1


def test_others_are_told_as_well(capsys):
    task = Count()
    with printed(SimpleNamespace(verbose=1), task).part("solve", 2) as done:
        done()
        done()
    assert task.steps == 2 and len(said(capsys, "SimpleNamespace")) == 2
