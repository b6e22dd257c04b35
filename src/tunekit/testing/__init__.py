"""For tests of tunekit, of applications that use it, and of other people's backends.

``FakeBackend`` needs no key, network or torch; ``ScriptedServer`` is its provider behind a socket,
failing on command; ``ConformanceSuite`` is what every backend passes, given a ``BackendHarness``.
"""
