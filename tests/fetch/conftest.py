from collections.abc import Iterator

import pytest
from fetch_server import Served, serving


@pytest.fixture
def server() -> Iterator[Served]:
    with serving() as served:
        yield served
