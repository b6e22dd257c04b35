"""The words of a text, for telling how much two texts have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from operator import add
from unicodedata import normalize

__all__ = ["FEWEST", "distinct_words"]

#: A text of fewer different words is compared as a whole: "man bites dog" is not "dog bites man",
#: and one word of three is too much of a text to be overlooked.
FEWEST = 4
#: Characters. Of a longer text only the beginning is looked at: whoever has the same million has
#: the same text.
LONGEST = 1 << 20

_ASCII = re.compile("[0-9a-z]+")

# Letters of the scripts that are written without spaces. A Han character is a word, or near to
# one. The letters of the others say little alone and are taken in pairs.
_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff\uaa60-\uaa7f"  # Burmese, Khmer
    "\u3041-\u30ff\u31f0-\u31ff"  # kana
)
# Letters and digits, and the marks that Python doesn't count among them: accents on their own, the
# vowel points of Hebrew and Arabic, the vowel signs of India, joiners. The dandas are full stops.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u0669\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0f18-\u0fbc\u200c\u200d"
)
_ANY = re.compile(f"[{_HAN}]|[{_UNSPACED}]+|(?:[^\\W_{_HAN}{_UNSPACED}]|[{_MARKS}])+")
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED}]")


def distinct_words(text: str) -> Collection[str]:
    """The different words of a text, in small letters: runs of letters and digits.

    Han characters count one by one, and the letters of other scripts without spaces in pairs. A
    text of fewer than :data:`FEWEST` words is one word as a whole, in which the order counts. Of a
    text over :data:`LONGEST` characters it is the words of the beginning.
    """
    folded = text[:LONGEST].casefold()
    if folded.isascii():
        found = _ASCII.findall(folded)
    else:
        folded = normalize("NFKC", folded)
        found = _ANY.findall(folded)
        if _UNSPACED_LETTER.search(folded):
            found = list(_in_pairs(found))
    words = set(found)
    if len(words) >= FEWEST:
        return words
    # What has no words at all, such as an emoji, is told apart by what it has.
    return (" ".join(found) or folded.strip(),)


def _in_pairs(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if _UNSPACED_LETTER.match(word) and len(word) > 1:
            yield from map(add, word, word[1:])
        else:
            yield word
