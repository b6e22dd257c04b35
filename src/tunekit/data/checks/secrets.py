"""Keys and tokens in texts. A model that was trained on one can say it to anybody.

The patterns are those of detect-secrets for keys that have a form of their own, and some of ours
for providers that it doesn't know. Its detectors of high entropy and of words such as "password"
stay out: in texts that people write they flag every second sentence. Nothing is looked up anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["KINDS", "Kind", "may_hold", "patterns", "told"]


class Kind(NamedTuple):
    """A kind of secret.

    A text that holds one has one of ``marks`` in it; ``anycase`` marks are in small letters and
    compared so. ``longest`` is the length that a word of it has at least, where no mark tells.
    ``plugin`` is a module and class of detect-secrets, ``own`` patterns of ours.
    """

    name: str
    marks: tuple[str, ...] = ()
    anycase: tuple[str, ...] = ()
    longest: int = 0
    plugin: tuple[str, str] | None = None
    own: tuple[str, ...] = ()


KINDS = (
    Kind("private key", ("PRIVATE KEY", "PuTTY-User-Key-File"), (), 0,
         ("private_key", "PrivateKeyDetector"), (r"BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY",)),
    Kind("AWS key", ("A3T", "ABIA", "ACCA", "AKIA", "ASIA"), ("aws",), 20,
         ("aws", "AWSKeyDetector")),
    Kind("Azure storage key", ("AccountKey=",), (), 0,
         ("azure_storage_key", "AzureStorageKeyDetector")),
    Kind("Google API key", ("AIza",), (), 0, None, (r"\bAIza[0-9A-Za-z_-]{35}(?![\w-])",)),
    Kind("OpenAI key", ("T3BlbkFJ",), (), 0, ("openai", "OpenAIDetector"),
         (r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}",)),
    Kind("Anthropic key", ("sk-ant-",), (), 0, None, (r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{80,}",)),
    Kind("Hugging Face token", ("hf_", "api_org_"), (), 0, None,
         (r"\b(?:hf|api_org)_[A-Za-z0-9]{34}(?!\w)",)),
    Kind("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), (), 0,
         ("github_token", "GitHubTokenDetector"),
         (r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?!\w)",)),
    Kind("GitLab token", ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-",
                          "glimt-", "glptt-", "glagent-", "gloas-"), (), 0,
         ("gitlab_token", "GitLabTokenDetector")),
    Kind("Slack token", (), ("xox", "hooks.slack.com"), 0, ("slack", "SlackDetector")),
    Kind("Stripe key", ("k_live_",), (), 0, ("stripe", "StripeDetector")),
    Kind("SendGrid key", ("SG.",), (), 0, ("sendgrid", "SendGridDetector")),
    Kind("Square token", ("sq0csp-",), (), 0, ("square_oauth", "SquareOAuthDetector")),
    Kind("Mailchimp key", ("-us",), (), 34, ("mailchimp", "MailchimpDetector")),
    Kind("Twilio key", ("AC", "SK"), (), 34, ("twilio", "TwilioKeyDetector")),
    Kind("Telegram token", (":",), (), 44, ("telegram_token", "TelegramBotTokenDetector")),
    Kind("Discord token", (".",), (), 58, ("discord", "DiscordBotTokenDetector")),
    Kind("npm token", (":_authToken",), (), 0, ("npm", "NpmDetector")),
    Kind("PyPI token", ("pypi-Ag",), (), 0, ("pypi_token", "PypiTokenDetector")),
    Kind("JSON web token", ("eyJ",), (), 0, ("jwt", "JwtTokenDetector")),
    Kind("password in a URL", ("://",), (), 0, ("basic_auth", "BasicAuthDetector")),
)  # fmt: skip


def may_hold(texts: str) -> bool:
    """Whether one of these texts may hold a secret: quick, and true more often than it should."""
    return next(_possible(texts), None) is not None


def told(text: str) -> Iterator[tuple[str, str]]:
    """A message and a suggestion for each secret in a text. Neither holds any part of it."""
    found = sorted(
        (match.start(), match.end(), kind.name)
        for kind in _possible(text)
        for pattern in patterns(kind)
        for match in pattern.finditer(text)
        if _is_one(kind, match[0])
    )
    reached = -1
    for start, end, name in found:
        if start >= reached:  # two patterns may know the same one
            yield (
                f"holds what looks like a secret ({name}) at character {start}.",
                "Take it out and revoke it: a model that was trained on it can say it to anybody.",
            )
        reached = max(reached, end)


def _possible(texts: str) -> Iterator[Kind]:
    """The kinds of which one may be there."""
    folded = texts.casefold()
    longest = -1
    for kind in KINDS:
        for mark in kind.marks:
            if mark in texts:
                break
        else:
            for mark in kind.anycase:
                if mark in folded:
                    break
            else:
                continue
        if kind.longest and longest < 0:
            longest = max(map(len, texts.split()), default=0)
        if longest >= kind.longest or not kind.longest:
            yield kind


@cache
def patterns(kind: Kind) -> tuple[re.Pattern[str], ...]:
    """The patterns of a kind."""
    own = tuple(map(re.compile, kind.own))
    return own if kind.plugin is None else (*_plugin(kind).denylist, *own)


def _plugin(kind: Kind) -> Any:
    """A detector of detect-secrets. Only its patterns are used: some can ask a provider, too."""
    assert kind.plugin is not None
    module, name = kind.plugin
    return getattr(import_module(f"detect_secrets.plugins.{module}"), name)


def _is_one(kind: Kind, found: str) -> bool:
    if kind.name == "JSON web token":  # much begins with eyJ
        return bool(_plugin(kind).is_formally_valid(found))
    if kind.name == "password in a URL":  # and not one of those that manuals have there
        return not _PLACEHOLDER.search(found)
    return True


_PLACEHOLDER = re.compile(
    r":(?:pass(?:word|wd)?|pwd|\*+|x+|\.+|<[^>]*>|\$\w*|\{\w*\}?|%\w+)@", re.I
)
