"""Stores a network's weights in 8 bits: `quantize.py IN.onnx OUT.onnx`."""

import sys

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic


def main() -> None:
    """Read, quantize, write."""
    _, source, target = sys.argv
    quantize_dynamic(onnx.load(source), target, weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main()
