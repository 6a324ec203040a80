"""
Text and numbers in one table
=============================

A network compares rows by their distance. If a row has counts of thousands of words, the distance says little.
:class:`~sklearn.decomposition.TruncatedSVD` turns these counts into a few columns. In these columns, texts on the same
subject are neighbours. The network gets these columns together with columns of numbers, and learns how they act
together.
"""

# %%
# The example simulates requests to a help desk. The time until the answer depends on the subject, and on the number of
# messages before. For invoices, each message makes it longer. For parcels, it is shortest after two or three messages.
# For passwords, the number of messages makes no difference.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkRegressor

rng = np.random.default_rng(0)
words = {
    "invoice": ["invoice", "payment", "refund", "charge", "bank", "total", "tax", "receipt", "amount", "card"],
    "parcel": ["parcel", "courier", "late", "address", "box", "track", "door", "lost", "stamp", "van"],
    "password": ["password", "account", "reset", "email", "code", "screen", "link", "user", "locked", "app"],
}
common = ["please", "help", "thanks", "since", "today", "again", "not", "yet", "still", "hello", "dear", "one"]
subject = rng.choice(list(words), 600)
table = pd.DataFrame(
    {
        "text": [" ".join(rng.permutation([*rng.choice(words[s], 4), *rng.choice(common, 8)])) for s in subject],
        "messages": rng.integers(1, 8, 600),
    }
)
hours = {
    "invoice": lambda n: 4.0 + 3.0 * n,
    "parcel": lambda n: 4.0 + 1.5 * (n - 2.5) ** 2,
    "password": lambda n: 6.0 + 0.0 * n,
}
y = np.array([hours[s](n) for s, n in zip(subject, table["messages"], strict=True)]) + rng.normal(0.0, 1.5, 600)
for i in range(2):
    print(f"{y[i]:4.1f} hours, message {table['messages'][i]}: {table['text'][i]}")

# %%
# The column of text becomes weights of words (tf-idf), and then six columns. The column of numbers does not change: the
# network needs no scaler in front of it. Without this step each text would be a category of its own.

train, test, y_train, y_test, _, subject_test = train_test_split(table, y, subject, random_state=0)
text = make_pipeline(TfidfVectorizer(), TruncatedSVD(6, random_state=0))
as_columns = make_column_transformer((text, "text"), remainder="passthrough")
as_words = make_column_transformer((TfidfVectorizer(), "text"), remainder=StandardScaler())
models = {
    "TruncatedSVD and network": make_pipeline(as_columns, BundledNetworkRegressor(random_state=0)),
    "TruncatedSVD and RidgeCV": make_pipeline(as_columns, RidgeCV()),
    "words and RidgeCV": make_pipeline(as_words, RidgeCV()),
}
for name, model in models.items():
    print(f"{name:26} R2 {model.fit(train, y_train).score(test, y_test):.3f}")

# %%
# A linear model of the words can use the subject. But it cannot learn that the number of messages acts differently for
# each subject. If the effects of the words simply add up, as in most classifications of topics, take the linear model:
# it is simpler, and as good.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
network = models["TruncatedSVD and network"]
columns, predicted = network[:-1].transform(test), network.predict(test)
n = np.arange(1, 8)
for kind, colour in zip(words, ("C0", "C1", "C2"), strict=True):
    rows = subject_test == kind
    left.plot(columns[rows, 1], columns[rows, 2], "o", markersize=5, color=colour, label=kind)
    right.plot(test["messages"][rows], predicted[rows], "o", markersize=4, color=colour, alpha=0.6)
    right.plot(n, hours[kind](n), color=colour, label=f"{kind}, true")
left.set(xlabel="second column of the SVD", ylabel="third column", title="texts on one subject are neighbours")
left.legend()
right.set(xlabel="messages before", ylabel="hours", title="predicted (dots)")
right.legend()
plt.show()
