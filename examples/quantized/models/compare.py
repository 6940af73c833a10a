"""Compares a network in two precisions: `compare.py EXACT.onnx QUANTIZED.onnx REPORT.json`; fails where it is worse."""

import json
import os
import sys

import numpy
import onnxruntime
from sklearn.datasets import load_digits


def accuracy(path: str, pixels: numpy.ndarray, digits: numpy.ndarray) -> float:
    """How many of the images a network reads rightly."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: pixels})[0]
    return float(numpy.mean(found == digits))


def main() -> None:
    """Measure, write, judge."""
    _, exact, quantized, report = sys.argv
    pixels, digits = load_digits(return_X_y=True)
    unseen = len(pixels) * 4 // 5
    pixels, digits = pixels[unseen:].astype(numpy.float32), digits[unseen:]
    result = {
        "bytes": {"exact": os.path.getsize(exact), "quantized": os.path.getsize(quantized)},
        "accuracy": {"exact": accuracy(exact, pixels, digits), "quantized": accuracy(quantized, pixels, digits)},
    }
    print(json.dumps(result))
    with open(report, "w", encoding="utf-8") as file:
        json.dump(result, file, sort_keys=True)
    if result["bytes"]["quantized"] * 2 > result["bytes"]["exact"]:
        sys.exit("the quantized network is not half as large as the exact one")
    if result["accuracy"]["quantized"] < result["accuracy"]["exact"] - 0.02:
        sys.exit("the quantized network predicts worse than the exact one")


if __name__ == "__main__":
    main()
