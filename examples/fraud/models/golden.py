"""Writes golden predictions: `golden.py --model FILE --data FILE --out FILE`.

Every 100th transaction is given to the model by scikit-learn itself; request and answer are written as the Open
Inference Protocol has them, so that a server's answers can be compared.
"""

import argparse
import csv
import json

import joblib
import numpy

FEATURES = 8
STEP = 100


def main() -> None:
    """Load, predict, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with open(options.data, newline="", encoding="utf-8") as file:
        rows = [[float(value) for value in row[:FEATURES]] for row in list(csv.reader(file))[1::STEP]]
    predicted = joblib.load(options.model).predict(numpy.array(rows)).tolist()
    golden = {"cases": [case(rows, predicted)]}
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)


def case(rows: list[list[float]], predicted: list[int]) -> dict:
    """One request and the answer that is expected."""
    features = {"name": "features", "datatype": "FP64", "shape": [len(rows), FEATURES], "data": rows}
    predict = {"name": "predict", "datatype": "INT64", "shape": [len(rows), 1], "data": predicted}
    return {"name": "every 100th", "request": {"inputs": [features]}, "response": {"outputs": [predict]}}


if __name__ == "__main__":
    main()
