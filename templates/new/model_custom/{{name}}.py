"""How the model is loaded and asked: MLServer calls `load` once, then `predict` for every request."""

import json
from pathlib import Path

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from mlserver.utils import get_model_uri


class Scorer(MLModel):
    """A weighted sum of the features, whose weights are the model's file."""

    async def load(self) -> bool:
        """Read the weights."""
        weights = json.loads(Path(await get_model_uri(self._settings)).read_text(encoding="utf-8"))
        self._weights, self._bias = weights["weights"], weights["bias"]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Score each row of the first input."""
        features = payload.inputs[0]
        values, width = _flat(features.data.root), features.shape[-1]
        rows = [values[start : start + width] for start in range(0, len(values), width)]
        scores = [
            self._bias + sum(weight * value for weight, value in zip(self._weights, row, strict=True)) for row in rows
        ]
        output = ResponseOutput(name="score", datatype="FP64", shape=[len(scores), 1], data=scores)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])


def _flat(data: list) -> list[float]:
    """The numbers of a list of numbers, or of rows of them."""
    return [number for row in data for number in (row if isinstance(row, list) else [row])]
