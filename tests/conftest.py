"""Fixtures of the suites that need the installed platform: tests/e2e and tests/conformance."""

import json
import os

import pytest
from platform_client import Platform
from tenants import PROBE, Tenants, application


# Every block of docs/operations.md, one after the other, takes some three minutes: `make test-operations` runs them.
collect_ignore = [] if os.environ.get("VBRAIN_OPERATIONS") else ["e2e/test_operations_page.py"]


def pytest_collection_modifyitems(items):
    # Tests that mostly wait start first, so that the others run meanwhile.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def platform():
    with open(os.environ["VBRAIN_E2E"], encoding="utf-8") as file:
        return Platform(json.load(file))


@pytest.fixture(scope="session")
def tenants(platform):
    return Tenants(platform)


@pytest.fixture(scope="session")
def tutorial(tenants):
    return tenants.make("Tutorial")


@pytest.fixture(scope="session")
def make_application(platform):
    def make(name, image=None, command=("python3", "-c", PROBE), **spec):
        platform.apply(application(name, image or platform.tutorial_image, command, **spec))

    return make


@pytest.fixture(scope="session")
def probe(make_application, tenants):
    """A tenant whose application behaves as its params say."""
    make_application("Probe")
    return tenants.make("Probe")
