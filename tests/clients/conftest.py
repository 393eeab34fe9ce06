"""Both clients of the Python package, for tests of what they have in common."""

import asyncio
import inspect

import pytest
from fake_client import client, vbrain
from fake_server import IDENTITY, FakeServer


class Awaited:
    """An asynchronous client or job that is used like a blocking one."""

    def __init__(self, inner, loop):
        self._inner, self._loop = inner, loop

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        return self._called(found) if inspect.isroutine(found) else found

    def _called(self, method):
        return lambda *arguments, **more: self._plain(method(*arguments, **more))

    def _plain(self, made):
        if inspect.iscoroutine(made):
            return self._plain(self._loop.run_until_complete(made))
        if inspect.isasyncgen(made):
            return self._entries(made)
        if isinstance(made, list):
            return [self._plain(each) for each in made]
        return Awaited(made, self._loop) if isinstance(made, vbrain.AsyncJob) else made

    def _entries(self, stream):
        try:
            while True:
                yield self._loop.run_until_complete(stream.__anext__())
        except StopAsyncIteration:
            return
        finally:
            self._loop.run_until_complete(stream.aclose())


@pytest.fixture(params=["Client", "AsyncClient"])
def either(request):
    """As client(), of both kinds."""
    if request.param == "Client":
        yield client
        return
    loop = asyncio.new_event_loop()

    def make(*answers, **more):
        server, slept = FakeServer(*answers), []

        async def sleep(seconds):
            slept.append(seconds)

        made = Awaited(vbrain.AsyncClient(**{**IDENTITY, **more}, transport=server, sleep=sleep), loop)
        made.slept = slept
        return made, server

    yield make
    loop.close()
