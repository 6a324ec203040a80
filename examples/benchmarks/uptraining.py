"""Question: what does a Transformer lose when its top feed-forward blocks become SNNK layers before fine-tuning?

The blocks of the top k layers of a pretrained BERT (MiniLM-L6 by default), k from 0 to 3, and its pooler, become SNNK
layers with a quarter of the parameters. They are calibrated in closed form on training sentences without labels. Then
all weights of the upper layers are fine-tuned, as they are with k = 0. Learning rates are chosen on a fifth of the
training rows, from the same three for all; final runs train on all of them, and are scored on the public dev rows.

    python uptraining.py --model PATH_OR_NAME --data DIR --results FILE --minutes 30    as many runs as fit; call again
    python uptraining.py --results FILE --report                                        the tables

``--preset cpu`` trains the upper three layers on at most 1,000 rows a task, and keeps the outputs of the layers below;
``--preset gpu`` trains all layers on at most 10,000 rows. Both compute in float32.
"""

import copy
from functools import lru_cache, partial
from time import perf_counter

import numpy as np
import torch
from runs import PRESETS, Results, carry_out, cell, options, over_tasks, settings_of
from sentences import SentenceClassifier

from sknnk.torch import bundle_feedforward

RATES = (5e-5, 2e-4, 8e-4)
VARIANTS = {f"k = {k}": (k, False) for k in range(4)} | {"pooler": (0, True), "k = 3, pooler": (3, True)}
TOKENS = 8192  # so many calibrate


def sample(rows):
    """Hidden states and mask of training sentences of about the median length, which need little padding."""
    lengths = np.array([len(state) for state in rows.states])
    n = min(len(rows), int(TOKENS / np.median(lengths)))
    chosen = np.argsort(lengths, kind="stable")[(len(rows) - n) // 2 :][:n]
    states = torch.nn.utils.rnn.pad_sequence([rows.states[i] for i in chosen], batch_first=True)
    short = torch.as_tensor(lengths[chosen], device=states.device)
    return states, torch.arange(states.shape[1], device=states.device) < short[:, None]


def numbers(modules):
    """Parameters, and all numbers that are kept, random features among them."""
    parameters = sum(parameter.numel() for module in modules for parameter in module.parameters())
    return parameters, parameters + sum(buffer.numel() for module in modules for buffer in module.buffers())


@torch.no_grad()
def forward_time(classifier, inputs, repeats=9):
    """Median milliseconds for 64 sentences."""
    states, mask = (each[:64] for each in inputs)
    times = []
    for _ in range(repeats):
        start = perf_counter()
        classifier(states, mask).sum().item()  # the number waits for a GPU
        times.append(perf_counter() - start)
    return 1e3 * float(np.median(times))


def replaced(model, variant, rows, seed, *, n_layers):
    """A classifier with SNNK layers, all of it trainable, and facts about what was replaced."""
    classifier, facts = calibrated(model, variant, rows, seed, n_layers)
    return copy.deepcopy(classifier), dict(facts)


@lru_cache(maxsize=1)  # all learning rates start from the same
def calibrated(model, variant, rows, seed, n_layers):
    (k, with_pooler), inputs = VARIANTS[variant], sample(rows)
    torch.manual_seed(seed)
    classifier = copy.deepcopy(SentenceClassifier(model, n_layers)).to(next(model.parameters()).device)
    targets = [f"layers.{i}" for i in range(n_layers - k, n_layers)] + ["pooler"] * with_pooler

    def parts():
        layers = classifier.layers[n_layers - k :]
        blocks = [part for layer in layers for part in (layer.intermediate, layer.output.dense)]
        return blocks + [classifier.pooler] * with_pooler

    before = numbers(parts())
    given = {"states": inputs[0], "mask": inputs[1], "whole": True}
    errors = bundle_feedforward(classifier, targets, given, random_state=seed) if targets else {}
    facts = {"before": before, "after": numbers(parts()), "errors": list(errors.values())}
    facts["forward"] = forward_time(classifier.eval(), inputs)
    return classifier.requires_grad_(True), facts


def report(results, tasks):
    """Size, speed and score of all variants, and differences to k = 0 on the same seeds."""
    print(f"settings: {results.settings}\n")
    print(f"| replaced | parameters | stored | errors | ms forward | ms a step | {' | '.join(tasks)} | mean |")
    print("|---" * (7 + len(tasks)) + "|")
    base = [results.finals(task, "k = 0") for task in tasks]
    for variant in VARIANTS:
        finals = [results.finals(task, variant) for task in tasks]
        lines = [line for each in finals for line in each.values()]
        if not lines:
            continue
        sizes = [
            f"{before:,} to {after:,}" for before, after in zip(lines[0]["before"], lines[0]["after"], strict=True)
        ]
        errors = ", ".join(f"{100 * error:.0f} %" for error in np.mean([line["errors"] for line in lines], axis=0))
        times = [f"{np.median([line[name] for line in lines]):.0f}" for name in ("forward", "step")]
        scores = [
            f"{cell(line['score'] for line in each.values())} "
            f"({cell((line['score'] - zero[seed]['score'] for seed, line in each.items() if seed in zero), '+')})"
            for each, zero in zip(finals, base, strict=True)
        ]
        mean = cell(over_tasks(results, tasks, variant).values())
        print(f"| {variant} | {' | '.join([*sizes, errors, *times, *scores, mean])} |")


def main():
    given = options(__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(given.threads)
    PRESETS["cpu"] |= {"layers": 3, "rows": 1000}
    settings = settings_of(given) | {"bfloat16": False}
    results = Results(given.results, settings, given.minutes)
    if given.report:
        return report(results, given.task)
    return carry_out(given, results, list(VARIANTS), RATES, partial(replaced, n_layers=settings["layers"]))


if __name__ == "__main__":
    main()
