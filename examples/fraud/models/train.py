"""Trains a random forest on transactions: `train.py --data FILE --label COLUMN --out FILE`."""

import argparse
import csv

import joblib
import numpy
from sklearn.ensemble import RandomForestClassifier

FEATURES = 8
TREES = 40
DEPTH = 8


def read(path: str, label: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The features, one row a transaction, and the label's column."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        column = next(rows).index(label)
        table = [(row[:FEATURES], row[column]) for row in rows]
    features = numpy.array([features for features, _ in table], dtype=numpy.float64)
    return features, numpy.array([label for _, label in table], dtype=numpy.int64)


def main() -> None:
    """Read, fit, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    features, labels = read(options.data, options.label)
    forest = RandomForestClassifier(
        n_estimators=TREES, max_depth=DEPTH, class_weight="balanced", random_state=0, n_jobs=1
    )
    forest.fit(features, labels)
    joblib.dump(forest, options.out, compress=0)


if __name__ == "__main__":
    main()
