"""Trains a decision tree on measurements: `train.py --data FILE --out FILE`."""

import argparse
import csv

import joblib
import numpy
from sklearn.tree import DecisionTreeClassifier


def main() -> None:
    """Read, fit, write. The seed is fixed: the same data makes the same model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with open(options.data, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    features = numpy.array([row[:-1] for row in rows], dtype=numpy.float64)
    kinds = numpy.array([row[-1] for row in rows], dtype=numpy.int64)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    tree.fit(features, kinds)
    joblib.dump(tree, options.out, compress=0)


if __name__ == "__main__":
    main()
