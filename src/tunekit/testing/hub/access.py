"""Who asks, and what they may."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from starlette.requests import Request

from .replies import Refusal

if TYPE_CHECKING:
    from .state import State

__all__ = ["User", "account_id", "may_write", "who", "whoami"]


@dataclass(frozen=True)
class User:
    """Whom a token stands for.

    Args:
        name: their own namespace.
        orgs: organisations they belong to, namespaces as well.
        role: what the token may.
        email: of the account.

    Example:
        >>> User("tester", orgs=("team",)).owns("team")
        True
    """

    name: str
    orgs: tuple[str, ...] = ()
    role: Literal["read", "write"] = "write"
    email: str | None = None

    def owns(self, namespace: str) -> bool:
        """Whether that ``namespace`` is one of theirs."""
        return namespace == self.name or namespace in self.orgs


def account_id(name: str) -> str:
    """The id of an account: 24 hexadecimal digits that depend on its name alone."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def who(request: Request, state: State) -> User | None:
    """The user behind a request; nobody without a token. Where the server has no tokens, each
    stands for ``anybody``; its key always does.

    Raises:
        Refusal: no such token.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        token = request.cookies.get("token", "")
    if not token:
        return None
    if token == state.key or (state.key is None and state.tokens is None):
        return state.anybody
    if token not in (state.tokens or {}):
        raise Refusal(401, "Invalid credentials in Authorization header")
    return (state.tokens or {})[token]


def may_write(user: User | None, namespace: str, what: str) -> User:
    """Who may change what a namespace has.

    Raises:
        Refusal: not this one.
    """
    if user is None:
        raise Refusal(401, "Invalid username or password.")
    if user.role == "read":
        raise Refusal(403, f"Forbidden: you must use a write token to {what}.")
    if not user.owns(namespace):
        raise Refusal(
            403, f'You don\'t have the rights to {what} under the namespace "{namespace}"'
        )
    return user


def whoami(user: User | None) -> dict[str, Any]:
    """The account of a token."""
    if user is None:
        raise Refusal(401, "Invalid username or password.")
    return {
        "type": "user",
        "id": account_id(user.name),
        "name": user.name,
        "fullname": user.name,
        "email": user.email,
        "emailVerified": user.email is not None,
        "canPay": True,
        "isPro": False,
        "orgs": [
            {
                "type": "org",
                "id": account_id(org),
                "name": org,
                "fullname": org,
                "roleInOrg": user.role,
                "isEnterprise": False,
            }
            for org in user.orgs
        ],
        "auth": {
            "type": "access_token",
            "accessToken": {"displayName": "tunekit-test", "role": user.role},
        },
    }
