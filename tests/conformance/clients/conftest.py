import pytest
from python_package import arguments, vbrain


@pytest.fixture
def client(world, monkeypatch):
    """The Python package as the leader of the world."""
    monkeypatch.setenv("NO_PROXY", "*")
    with vbrain.Client(**arguments(world.lead)) as made:
        yield made
