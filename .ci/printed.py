"""Check that README.md quotes what its first command printed: the scores in the table, not the times.

``python .ci/printed.py README.md printed.txt`` exits with an error where a score is another one.
"""

import re
import sys
from pathlib import Path

# A name, and twice a score and a time in seconds.
ROW = re.compile(r"^(\S.*?) +(\d\.\d{3}) +\d+\.\d\d s +(\d\.\d{3}) +\d+\.\d\d s$", re.MULTILINE)
# Platforms differ in the last digits, and choices that are close in the first ones.
TOLERANCE = 0.01


def scores(path):
    """Scores by the name of their row."""
    return {name: (float(first), float(second)) for name, first, second in ROW.findall(Path(path).read_text("utf-8"))}


quoted, printed = (scores(path) for path in sys.argv[1:3])
if not quoted or quoted.keys() != printed.keys():
    sys.exit(
        f"README.md quotes {sorted(quoted)}, and its first command printed {sorted(printed)}: quote what it prints"
    )
for name, pair in quoted.items():
    if any(abs(one - other) > TOLERANCE for one, other in zip(pair, printed[name], strict=True)):
        sys.exit(f"README.md quotes {pair} for {name}, and its first command printed {printed[name]}: quote these")
