"""How the suite gets at the backends of this repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from tunekit.backends.anthropic import AnthropicBackend
from tunekit.backends.base import Backend, State
from tunekit.backends.openai import OpenAIBackend
from tunekit.testing.anthropic import AnthropicServer
from tunekit.testing.fake import FakeBackend
from tunekit.testing.harness import BackendHarness, Provider, Step
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.server import Fault, ScriptedServer

#: So that a job has ended when it is waited for, and nobody sleeps.
BRIEF = ("running", "succeeded")
HERE = Path(__file__).parent
ROUTES: Mapping[Step, str] = {
    "upload": "POST /files",
    "create": "POST /jobs",
    "poll": "GET /jobs/",
    "answer": "POST /answers",
}


class FakeHarness(BackendHarness):
    """The fake backend with its provider inside the process."""

    name = "fake"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"
    memorises = True
    refused_text = "no text of a file holds this: \0"
    patience = 20.0
    backend: ClassVar[type[FakeBackend]] = FakeBackend

    def make(self, home: Path, provider: Provider | None) -> Backend:
        return self.backend(home=home)


class ServedFakeHarness(FakeHarness):
    """The fake backend with its provider behind a socket, failing on command."""

    def make(self, home: Path, provider: Provider | None) -> Backend:
        assert isinstance(provider, FakeProvider)
        return self.backend(
            home=home, endpoint=provider.server.url, key_env=self.key_env, timeout=1.0, attempts=2
        )

    def serve(self, home: Path) -> AbstractContextManager[Provider]:
        return served(home)


class FakeProvider(Provider):
    """A ScriptedServer, in the words of the suite."""

    key = "sk-conformance-0123456789"

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        self.server.script(ROUTES[step], *faults, always=always)

    def clear(self) -> None:
        self.server.clear()

    def story(self, *states: State) -> None:
        words: dict[Any, str] = {State.UNKNOWN: "reticulating"}
        self.server.service.story = tuple(words.get(state, str(state)) for state in states)

    def jobs(self) -> int:
        return len(self.server.service.jobs())

    def requests(self) -> int:
        return len(self.server.requests)


@contextmanager
def served(home: Path) -> Iterator[Provider]:
    with ScriptedServer(home.parent / f"{home.name}-provider", key=FakeProvider.key) as server:
        server.service.story = BRIEF
        yield FakeProvider(server)


OPENAI_ROUTES: Mapping[Step, str] = {
    "upload": "POST /files",
    "create": "POST /fine_tuning/jobs",
    "poll": "GET /fine_tuning/jobs/",
    "answer": "POST /chat/completions",
}
OPENAI_WORDS: Mapping[State, str] = {
    State.UNKNOWN: "reticulating",
    State.VALIDATING: "validating_files",
}


class OpenAIProvider(Provider):
    """An OpenAIServer, in the words of the suite."""

    key = "sk-conformance-0123456789"

    def __init__(self, server: OpenAIServer) -> None:
        self.server = server

    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        self.server.script(OPENAI_ROUTES[step], *faults, always=always)

    def clear(self) -> None:
        self.server.clear()

    def story(self, *states: State) -> None:
        self.server.story = tuple(OPENAI_WORDS.get(state, str(state)) for state in states)

    def jobs(self) -> int:
        return len(self.server.jobs())

    def requests(self) -> int:
        return len(self.server.requests)


class OpenAIHarness(BackendHarness):
    """The OpenAI backend against a scripted server."""

    name = "openai"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"
    memorises = True
    refused_text = "no text of a file holds this: \0"
    patience = 20.0

    def make(self, home: Path, provider: Provider | None) -> Backend:
        assert isinstance(provider, OpenAIProvider)
        return OpenAIBackend(
            home=home,
            base_url=provider.server.url,
            api_key_env=self.key_env,
            timeout=0.6,
            retries=1,
            settle=0.0,
        )

    def serve(self, home: Path) -> AbstractContextManager[Provider]:
        return _openai()


@contextmanager
def _openai() -> Iterator[Provider]:
    with OpenAIServer(key=OpenAIProvider.key) as server:
        server.story = BRIEF
        server.least_lines = 1
        yield OpenAIProvider(server)


class AnthropicProvider(Provider):
    """An AnthropicServer, in the words of the suite. It knows no training jobs: tuning sends
    nothing, and what the suite asks of jobs isn't asked of it."""

    key = "sk-conformance-0123456789"

    def __init__(self, server: AnthropicServer) -> None:
        self.server = server

    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        assert step == "answer", f"nothing is sent to {step}"
        self.server.script("POST /messages", *faults, always=always)

    def clear(self) -> None:
        self.server.clear()

    def story(self, *states: State) -> None:
        raise AssertionError("there are no jobs at the provider")

    def jobs(self) -> int:
        return len(self.server.batches())

    def requests(self) -> int:
        return len(self.server.requests)


class AnthropicHarness(BackendHarness):
    """The Anthropic backend against a scripted server."""

    name = "anthropic"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"
    prompts = True
    memorises = True
    refused_text = "no text of a file holds this: \0"
    patience = 20.0
    backend: ClassVar[type[AnthropicBackend]] = AnthropicBackend

    def make(self, home: Path, provider: Provider | None) -> Backend:
        assert isinstance(provider, AnthropicProvider)
        return self.backend(
            home=home,
            base_url=provider.server.url,
            api_key_env=self.key_env,
            timeout=0.6,
            retries=1,
            settle=0.0,
        )

    def serve(self, home: Path) -> AbstractContextManager[Provider]:
        return _anthropic()


@contextmanager
def _anthropic() -> Iterator[Provider]:
    with AnthropicServer(key=AnthropicProvider.key) as server:
        yield AnthropicProvider(server)
