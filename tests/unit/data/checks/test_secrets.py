"""Keys and tokens in texts are found, and never repeated."""

from __future__ import annotations

import json
import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunekit import Classification, Dataset
from tunekit.data.checks import secrets
from tunekit.findings import Finding

_source = random.Random(7)
ALNUM = string.ascii_letters + string.digits


def some(letters: str, length: int) -> str:
    return "".join(_source.choices(letters, k=length))


# Put together here, so that no scanner takes this file for a leak.
MADE = {
    "AWS key": "AKIA" + some(string.ascii_uppercase + string.digits, 16),
    "GitHub token": "ghp" + "_" + some(ALNUM, 36),
    "OpenAI key": "sk-" + some(ALNUM, 20) + "T3Blbk" + "FJ" + some(ALNUM, 20),
    "Anthropic key": "sk-" + "ant-api03-" + some(ALNUM + "_-", 93) + "AA",
    "Hugging Face token": "hf" + "_" + some(ALNUM, 34),
    "Google API key": "AI" + "za" + some(ALNUM, 35),
    "Slack token": "xox" + "b-123456789012-" + some(string.digits, 12) + "-" + some(ALNUM, 24),
    "Stripe key": "sk_" + "live_" + some(ALNUM, 24),
    "GitLab token": "glp" + "at-" + some(ALNUM, 20),
    "SendGrid key": "SG" + "." + some(ALNUM, 22) + "." + some(ALNUM, 43),
    "Telegram token": some("123456789", 9) + ":" + some(ALNUM, 35),
    "Twilio key": "SK" + some("0123456789abcdef", 32),
    "Mailchimp key": some("0123456789abcdef", 32) + "-us" + "12",
    "private key": "-----BEGIN RSA PRIVATE" + " KEY-----",
    "password in a URL": "postgres://admin:" + some(ALNUM, 12) + "@db.example.org/x",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + some(ALNUM, 43),
}
NEWER = {
    "OpenAI key": "sk-" + "proj-" + some(ALNUM + "_-", 74) + "T3Blbk" + "FJ" + some(ALNUM, 74),
    "GitHub token": "github" + "_pat_" + some(ALNUM, 22) + "_" + some(ALNUM, 59),
    "AWS key": "aws_secret_access_" + f"key = '{some(ALNUM, 40)}'",
    "private key": "-----BEGIN ENCRYPTED PRIVATE" + " KEY-----",
}

CLEAN = [
    "Please send my password to the API key holder.",
    "See https://github.com/org/repo/blob/0123456789abcdef0123456789abcdef01234567/x.py",
    "Mail me: ada@example.org or call +49 30 1234567, order 4454794511390933",
    "a sk-foot and a hf_model, an AKIA and eyJ. My secret is that I like cake!",
    "http://t.co/sRgCI83J0g @someone: postgres://user:password@localhost/db",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "uuid 123e4567-e89b-12d3-a456-426614174000 sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b82",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen laws claws AC SK",
    "eyJub3QiOiJhIHRva2Vu.is.this",
]


def found(*texts: str) -> list[Finding]:
    rows = [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)]
    every = Dataset.from_rows(rows, Classification()).check(near_duplicates=False)
    return [one for one in every if one.code == "secret"]


def test_texts_without_a_secret_are_silent() -> None:
    assert found(*CLEAN) == []


@pytest.mark.parametrize(("kind", "secret"), [*MADE.items(), *NEWER.items()])
@pytest.mark.parametrize(
    "around", ["{}", "My key is {}, thanks.", 'config = {{"key": "{}"}}', "Schlüssel:\n{}\n"]
)
def test_a_secret_is_found_and_not_repeated(kind: str, secret: str, around: str) -> None:
    text = around.format(secret)
    rows = [{"text": one, "label": "a"} for one in (*CLEAN, text, *CLEAN)]
    result = Dataset.from_rows(rows, Classification()).check()
    (one,) = (finding for finding in result if finding.code == "secret")
    assert (one.severity, one.row, one.field) == ("warning", len(CLEAN), "text")
    assert f"({kind})" in one.message
    for shown in (str(result), repr(result), result.to_table(), result.to_json()):
        assert secret not in shown
        if not kind.startswith("private"):
            assert secret[-12:] not in shown
    # The rows themselves are another matter.
    annotated = list(result.annotated())[len(CLEAN)]
    assert annotated["text"] == text
    assert secret not in json.dumps(annotated["findings"])


def test_where_it_stands_is_told() -> None:
    (one,) = found(f"1234567890 {MADE['GitHub token']} and so on")
    assert "at character 11." in one.message


def test_several_secrets_of_a_text_are_told_one_by_one() -> None:
    every = found(f"{MADE['GitHub token']} {MADE['AWS key']} {MADE['GitHub token'][::-1]}")
    assert [one.message.partition("(")[2].partition(")")[0] for one in every] == [
        "GitHub token",
        "AWS key",
    ]


@pytest.mark.parametrize("kind", secrets.KINDS, ids=lambda kind: kind.name)
def test_what_a_pattern_matches_gets_past_the_quick_look(kind: secrets.Kind) -> None:
    """The quick look knows by heart what every match has in it: that must be so of all patterns."""

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        for pattern in secrets.patterns(kind):
            text = data.draw(st.from_regex(pattern))
            match = pattern.search(text)
            assert match
            assert kind in set(secrets._possible(text)), pattern.pattern

    check()
