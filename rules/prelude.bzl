"""What every BUILD file sees without a load: the standard rules."""

load(":base.bzl", _base_image = "base_image")
load(":debian.bzl", _debian_packages = "debian_packages")
load(
    ":files.bzl",
    _filegroup = "filegroup",
    _genrule = "genrule",
    _http_file = "http_file",
    _python_sources = "python_sources",
)
load(":image.bzl", _model_image = "model_image", _model_volume = "model_volume")
load(":index.bzl", _image_index = "image_index")
load(":model.bzl", _model = "model", _tensor = "tensor", _trained_model = "trained_model")
load(":modelpack.bzl", _model_artifact = "model_artifact")
load(":push.bzl", _image_push = "image_push")
load(":python.bzl", _python_packages = "python_packages")
load(":runtime.bzl", _runtime = "runtime")
load(":test.bzl", _model_test = "model_test")

filegroup = _filegroup
genrule = _genrule
http_file = _http_file
python_sources = _python_sources

python_packages = _python_packages
debian_packages = _debian_packages
base_image = _base_image

runtime = _runtime
model = _model
tensor = _tensor
trained_model = _trained_model

model_image = _model_image
model_volume = _model_volume
image_index = _image_index
model_artifact = _model_artifact
image_push = _image_push
model_test = _model_test
