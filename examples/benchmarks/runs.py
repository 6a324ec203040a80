"""Parts of ``glue.py`` and ``uptraining.py``: presets, runs that are kept in a file, and their summary."""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sentences import SCORES, Rows, backbone, read, rows_of, score, train

TUNING = 0.2  # the part of the training rows on which learning rates are chosen
PRESETS = {
    "cpu": {"layers": 2, "rows": 2000, "epochs": 3, "batch": 32, "longest": 64, "dropout": 0.0, "bfloat16": True},
    "gpu": {"layers": 6, "rows": 10_000, "epochs": 5, "batch": 32, "longest": 128, "dropout": 0.1, "bfloat16": False},
}
# (task, method, phase, rate, seed), where the phase is "tuning" or "final".
Key = tuple[str, str, str, float, int]
PARTS = {"tuning": ("rest", "held out"), "final": ("train", "dev")}  # what is trained on, and what is scored
# From backbone, method, training rows and seed to a classifier whose trainable parameters are set, and facts about it.
Make = Callable[[torch.nn.Module, str, Rows, int], tuple[torch.nn.Module, dict]]


class Results:
    """Runs in a file of JSON lines, all with the same settings.

    Parameters
    ----------
    path : Path
        Need not exist.
    settings : dict
        Lines with others are refused.
    minutes : float
        After which no new run begins.
    """

    def __init__(self, path: Path, settings: dict, minutes: float):
        self.path, self.settings, self.runs = path, settings, {}
        self.end = perf_counter() + 60.0 * minutes
        for text in path.read_text().splitlines() if path.exists() else []:
            line = json.loads(text)
            if line["settings"] != settings:
                raise SystemExit(f"{path} has runs with the settings {line['settings']}, not {settings}; name another.")
            self.runs[tuple(line["key"])] = line

    def ensure(self, key: Key, run: Callable[..., dict]) -> None:
        """Do a run, if it is not there and there is time left."""
        if key in self.runs:
            return
        if perf_counter() > self.end:
            raise SystemExit(f"time is up: {len(self.runs)} runs are in {self.path}; call again to go on.")
        start = perf_counter()
        line = {"key": key, **run(*key[1:]), "seconds": perf_counter() - start, "settings": self.settings}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.runs[key] = line
        print(*key, f"{line['score']:.1f}, {line['seconds']:.0f} s", flush=True)

    def rate(self, task: str, method: str) -> float:
        """The learning rate that was best on the part of the training rows that was held out."""
        trials = {key[3]: line["score"] for key, line in self.runs.items() if key[:3] == (task, method, "tuning")}
        return max(sorted(trials), key=lambda rate: trials[rate])

    def finals(self, task: str, method: str) -> dict[int, dict]:
        """Final runs by seed."""
        return {key[4]: line for key, line in self.runs.items() if key[:3] == (task, method, "final")}


@dataclass
class Task:
    """A task, its rows, and how a method makes a classifier for it."""

    name: str
    rows: dict[str, Rows]
    make: Callable[[str, Rows, int], tuple[torch.nn.Module, dict]]
    settings: dict

    def run(self, method: str, phase: str, rate: float, seed: int, n_batches: int | None = None) -> dict:
        """Train and score once, on all rows or on a few batches."""
        how = {name: self.settings[name] for name in ("epochs", "batch", "bfloat16")}
        n_rows = None if n_batches is None else n_batches * how["batch"]
        train_rows, test_rows = (self.rows[part] for part in PARTS[phase])
        start = perf_counter()
        classifier, facts = self.make(method, train_rows, seed)
        facts["making"] = perf_counter() - start
        step = train(classifier, train_rows.first(n_rows), rate, seed, **how)
        found = score(classifier, test_rows.first(n_rows), self.name, bfloat16=how["bfloat16"])
        return {"score": found, "step": step, **facts}

    def estimate(self, methods: list[str], n_rates: int, n_seeds: int) -> None:
        """Print what all runs would take, from a few steps of each method."""
        n_rows = n_rates * len(self.rows["rest"]) + n_seeds * len(self.rows["train"])
        n_steps, total = self.settings["epochs"] * n_rows / self.settings["batch"], 0.0
        for method in methods:
            line = self.run(method, "tuning", 0.0, 0, n_batches=4)
            total += (line["step"] * n_steps / 1000 + line["making"] * (n_rates + n_seeds)) / 60
            print(f"{self.name}, {method}: {line['making']:.1f} s before, {line['step']:.0f} ms a step", flush=True)
        print(f"{self.name}: about {total:.0f} minutes for {len(methods) * (n_rates + n_seeds)} runs", flush=True)


def carry_out(
    given: argparse.Namespace, results: Results, methods: list[str], rates: tuple[float, ...], make: Make
) -> None:
    """Choose a learning rate for every method and task, then do the final runs; or only tell how long that takes."""
    for name in given.task:
        model, rows = data_of(name, given, results.settings)
        task = Task(name, rows, partial(make, model), results.settings)
        if given.estimate:
            task.estimate(methods, len(rates), given.seeds)
            continue
        for method in methods:
            for rate in rates:
                results.ensure((name, method, "tuning", rate, 0), task.run)
        for seed in range(1, given.seeds + 1):
            for method in methods:
                results.ensure((name, method, "final", results.rate(name, method), seed), task.run)


def data_of(task: str, given: argparse.Namespace, settings: dict) -> tuple[torch.nn.Module, dict[str, Rows]]:
    """A backbone, and rows as they leave its frozen layers: all training rows, two parts of them, and the dev rows."""
    model, tokenizer = backbone(given.model, settings["dropout"])
    model.to(given.device)

    def made(part: str, chosen: slice | np.ndarray) -> Rows:
        sentences, labels = read(given.data, task, part)
        chosen = np.arange(len(labels))[chosen]
        sentences = [sentences[i] for i in chosen]
        return rows_of(sentences, labels[chosen], model, tokenizer, settings["layers"], settings["longest"])

    order = np.random.default_rng(0).permutation(len(read(given.data, task, "train")[1]))[: settings["rows"]]
    rows = made("train", order)
    n_held_out = round(TUNING * len(rows))
    parts = {"held out": rows.part(np.arange(n_held_out)), "rest": rows.part(np.arange(n_held_out, len(rows)))}
    return model, {"train": rows, "dev": made("dev", slice(None)), **parts}


def options(description: str) -> argparse.ArgumentParser:
    """What both scripts can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2", help="name or folder of a BERT")
    parser.add_argument(
        "--data", type=Path, default=Path("glue"), help="folder with TASK_train.tsv.gz, TASK_dev.tsv.gz"
    )
    parser.add_argument("--task", nargs="+", choices=list(SCORES), default=list(SCORES))
    parser.add_argument("--seeds", type=int, default=5, help="number of final runs of every method")
    parser.add_argument("--preset", choices=list(PRESETS), default="cpu")
    for name in ("layers", "rows", "epochs", "batch", "longest"):
        parser.add_argument(f"--{name}", type=int, help="instead of that of the preset")
    parser.add_argument("--results", type=Path, required=True, help="file of JSON lines; runs in it are not repeated")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no new run after these")
    parser.add_argument("--report", action="store_true", help="print the tables of the file, and run nothing")
    parser.add_argument("--estimate", action="store_true", help="a few steps of every method, and what all would take")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def settings_of(given: argparse.Namespace) -> dict:
    """Those of the preset, with what was given by name."""
    preset = PRESETS[given.preset]
    named = {name: getattr(given, name, None) for name in preset}
    return {**preset, **{name: value for name, value in named.items() if value is not None}}


def mean_and_error(values: Iterable[float]) -> tuple[float, float]:
    """Mean and its standard error; of one value the error is not known."""
    values = np.array(list(values))
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")


def cell(values: Iterable[float], sign: str = "") -> str:
    """Mean and standard error as text, empty where there is nothing."""
    values = list(values)
    return "{:{sign}.1f} ± {:.1f}".format(*mean_and_error(values), sign=sign) if values else ""


def over_tasks(results: Results, tasks: list[str], method: str) -> dict[int, float]:
    """The mean over all tasks, of the seeds that have all."""
    found = [results.finals(task, method) for task in tasks]
    return {
        seed: float(np.mean([each[seed]["score"] for each in found])) for seed in set.intersection(*map(set, found))
    }
