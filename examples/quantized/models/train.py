"""Trains a network that reads digits, and exports it: `train.py --out FILE.onnx`.

The images are the 1797 of 8 by 8 pixels that come with scikit-learn; the last fifth is kept for `compare.py`.
"""

import argparse

import numpy
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier


def main() -> None:
    """Fit, export, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="*")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    pixels, digits = load_digits(return_X_y=True)
    seen = len(pixels) * 4 // 5
    network = MLPClassifier(hidden_layer_sizes=(256, 128), random_state=0, max_iter=40)
    network.fit(pixels[:seen].astype(numpy.float32), digits[:seen])
    document = to_onnx(network, pixels[:1].astype(numpy.float32), name="digits", options={"zipmap": False})
    with open(options.out, "wb") as file:
        file.write(document.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
