import json
from dataclasses import replace

import pytest
from schemas import beside, validate

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, LAYER_ZSTD, MANIFEST, Descriptor, pairs
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.index import Index
from buildkit.oci.layer import About, Layer
from buildkit.oci.manifest import Manifest

BLOB = Digest.of(b"a layer")
LAYERS = (Descriptor(LAYER, BLOB), Descriptor(LAYER_ZSTD, Digest.of(b"another")))
MANIFEST_OF_TWO = Manifest(
    Descriptor(CONFIG, Digest.of(b"{}")), LAYERS, pairs({"org.opencontainers.image.title": "fraud"})
)
IMAGE = ImageConfig(
    "amd64",
    "linux",
    diff_ids=(str(BLOB), str(BLOB)),
    history=(History("mbuild: a"), History("mbuild: b", "a file by itself")),
    process={"User": "1000:1000", "Env": ["A=1"], "ExposedPorts": {"8080/tcp": {}}, "Labels": {"l": "é"}},
)
INDEX = Index(
    (
        Descriptor(
            MANIFEST, Digest.of(MANIFEST_OF_TWO.to_json()), platform=pairs({"os": "linux", "architecture": "amd64"})
        ),
    )
)


@beside
@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ("image-manifest-schema.json", MANIFEST_OF_TWO.to_json()),
        ("config-schema.json", IMAGE.to_json()),
        ("image-index-schema.json", INDEX.to_json()),
        ("content-descriptor.json", canonical(LAYERS[0].to_data())),
    ],
)
def test_documents_pass_the_specifications_schemas(schema: str, document: bytes) -> None:
    validate(schema, json.loads(document))


def test_a_manifest_is_written_to_the_byte() -> None:
    assert MANIFEST_OF_TWO.to_json().decode() == (
        '{"annotations":{"org.opencontainers.image.title":"fraud"},'
        '"config":{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",'
        '"mediaType":"application/vnd.oci.image.config.v1+json","size":2},'
        f'"layers":[{{"digest":"{BLOB}","mediaType":"application/vnd.oci.image.layer.v1.tar","size":7}},'
        f'{{"digest":"{Digest.of(b"another")}","mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","size":7}}],'
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )


def test_a_config_is_written_to_the_byte() -> None:
    assert IMAGE.to_json().decode() == (
        '{"architecture":"amd64","config":{"Env":["A=1"],"ExposedPorts":{"8080/tcp":{}},"Labels":{"l":"é"},'
        '"User":"1000:1000"},"created":"1970-01-01T00:00:00Z",'
        '"history":[{"created":"1970-01-01T00:00:00Z","created_by":"mbuild: a"},'
        '{"comment":"a file by itself","created":"1970-01-01T00:00:00Z","created_by":"mbuild: b"}],"os":"linux",'
        f'"rootfs":{{"diff_ids":["{BLOB}","{BLOB}"],"type":"layers"}}}}'
    )


@pytest.mark.parametrize(
    "value",
    [MANIFEST_OF_TWO, replace(MANIFEST_OF_TWO, artifact_type="application/x", subject=LAYERS[0]), INDEX],
    ids=["manifest", "referrer", "index"],
)
def test_documents_are_read_back(value: Manifest | Index) -> None:
    assert type(value).from_json(value.to_json()) == value


def test_a_layers_document_is_read_back_and_lists_pth_only_where_there_are_any() -> None:
    layer = Layer(LAYERS[1], str(BLOB), Digest.of(b"tree"), ("usr/lib/x.pth",))
    assert Layer.from_json(layer.to_json()) == layer
    told = replace(layer, about=About("torch 2.4.0", "packages", "a big wheel"))
    assert Layer.from_json(told.to_json()) == told
    assert list(json.loads(replace(layer, pth=()).to_json())) == [
        "diffID",
        "digest",
        "mediaType",
        "size",
        "tree",
        "treeSize",
    ]


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(BuildFailure) as caught:
        Manifest.from_json(b'{"config": {"digest": 1}}')
    assert caught.value.message == ("not a descriptor: expected mediaType, digest and size, found {'digest': 1}")
    with pytest.raises(BuildFailure, match="an image index is not a JSON object: found list"):
        Index.from_json(b"[]")
    with pytest.raises(BuildFailure, match="an image manifest is not JSON: "):
        Manifest.from_json(b"\xff")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (rb'{"a": "\ud800"}', "x is not JSON that can be read: a text holds half of a surrogate pair"),
        (b'{"a": NaN}', "x is not JSON: NaN is no value"),
        (b'{"a": -Infinity}', "x is not JSON: -Infinity is no value"),
        (
            '{"a": 1}'.encode("utf-16"),
            "x is not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
    ],
)
def test_what_could_not_be_written_again_is_not_read(document: bytes, message: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        parse_object(document, "x")
    assert caught.value.message == message


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_object(rb'{"a": "\ud83d\ude00\u003c"}', "x") == {"a": "\N{GRINNING FACE}<"}
