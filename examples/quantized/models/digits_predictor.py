"""Serves a network that reads digits: what `implementation = "digits_predictor.Digits"` names."""

import numpy
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class Digits(MLModel):
    """An ONNX network behind the Open Inference Protocol."""

    async def load(self) -> bool:
        """Open the network."""
        path = await get_model_uri(self.settings)
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The digit of each image."""
        pixels = NumpyCodec.decode_input(payload.inputs[0]).astype(numpy.float32)
        digits = self._session.run(None, {self._session.get_inputs()[0].name: pixels})[0]
        output = NumpyCodec.encode_output("digit", digits.reshape(-1, 1))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
