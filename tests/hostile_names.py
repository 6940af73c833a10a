"""Names as someone would choose them who wants a page to run something, or a reader to see something else."""

from __future__ import annotations

from collections.abc import Sequence

from image_layouts import Made, safetensors

from buildkit.images.compare import Compared, compare
from buildkit.images.difference import Difference
from buildkit.oci.image import read_image

HOSTILE = [
    "<script>document.title='taken'</script>",
    "<img src=http://127.0.0.1:9/x onerror=\"document.title='taken'\">",
    "'\" onmouseover=document.title='taken' autofocus onfocus=document.title='taken' x='",
    "</title></table></details><svg/onload=document.title='taken'>",
    "javascript:document.title='taken'",
    "]]><!-- --!><base href='http://127.0.0.1:9/'>",
    "&lt;script&gt;&#60;b&#62;&amp",
    "a\x01\x1b]0;taken\x07\x7f\r\n<b>",
    "moc.elpmaxe\u202ehsif\u2066\u200b\ufeff",
    "</script><script>document.title='taken'</script>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/x'>",
]


def hostile_image(names: Sequence[str]) -> Made:
    """An image with the names wherever one may have them: packages, files, labels, tensors, layers, variables."""
    tensors = {name: ("F16", [2], b"1234") for name in names}
    files: list[tuple[str, str | bytes]] = [("models/m.safetensors", safetensors(tensors))]
    for number, name in enumerate(names):
        single = name.replace("\r\n", " ")
        folder = f"site-packages/p{number}-1.dist-info"
        files.append((f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {single}\nVersion: {single}\n"))
        files.append((f"files/{name.replace('/', '_')}", name))
    config = {
        "author": names[0],
        "config": {
            "Labels": {name: name for name in names},
            "Env": [f"{name}={name}" for name in names],
            "Entrypoint": list(names),
            "Volumes": {name: {} for name in names},
            "User": names[0],
        },
        "history": [{"created_by": f"mbuild: {name}", "comment": name} for name in names[:1]],
    }
    return Made([files], config=config, manifest={"annotations": {name: name for name in names}})


def hostile_diff(names: Sequence[str]) -> Difference:
    """What such an image has that another has not, under hostile names of both."""
    sides = (Made([{"base": "1"}]).opened(), hostile_image(names).opened())
    first, second = (Compared(name, side, read_image(side)) for name, side in zip(names[:2], sides, strict=True))
    return compare(first, second, deep=True)
