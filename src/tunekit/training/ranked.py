"""Questions with options: a bi-encoder or a cross-encoder, or the better of the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ModelError
from ..shapes import Shape
from .artifact import write_artifact
from .card import HEAD, Artifact
from .habits import RANKED
from .loop import Diverged
from .option_judging import Decision, Judged, could_win, decide, hopeless, judged
from .option_rows import Lists, hold_out, telling
from .option_tuning import Kind, Tuned, frozen_features, new_scorer, tune
from .parallel import agreed
from .scorer import Features, Scorer
from .solved_head import scored, solve_best
from .stages import clear_stages
from .trained_weights import Trained, taken_from
from .work import Learnt, Work

__all__ = ["learn"]

#: Rows that a head is solved on, at the most. It is where tuning starts, and needs no more.
SOLVED_ON = 5_000
UNTOUCHED = Trained("base", {}, {})


def learn(work: Work) -> Learnt:
    """Train on ranked Examples and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    known = _known(work)
    work.timings.done("start")
    if work.recipe.method == "auto":
        learnt = _auto(work, known)
    elif work.recipe.method in ("bi-encoder", "cross-encoder"):
        learnt = _one(work, known, work.recipe.method)
    else:
        raise ModelError(
            f"no method {work.recipe.method!r} ranks options; there are auto, bi-encoder and "
            "cross-encoder. Submit again."
        )
    clear_stages(work)
    return learnt


class Known(NamedTuple):
    """All rows that teach something; those that are held out come last. ``given`` says that the
    user has named these: then they are never learnt from."""

    rows: Lists
    fitted: int
    given: bool

    @property
    def learnt(self) -> Lists:
        """Rows to learn from."""
        return self.rows.at(range(self.fitted))

    @property
    def to_learn(self) -> int:
        """Rows that are learnt in the end: those that judge as well, unless the user gave them."""
        return self.fitted if self.given else len(self.rows.orders)

    @property
    def held_out(self) -> Lists | None:
        """Rows to judge by, if any."""
        there = range(self.fitted, len(self.rows.orders))
        return self.rows.at(there) if there else None


class Start(NamedTuple):
    """A scorer with a head on frozen vectors, what that does on held-out rows, and what the head
    saw, of the rows at these places."""

    scorer: Scorer
    judged: Judged | None
    features: Features
    places: list[int]


# --- methods --------------------------------------------------------------------------------------


def _one(work: Work, known: Known, kind: Kind) -> Learnt:
    start = _start(work, known, kind)
    tuned = _tuned(work, known, start, f"{kind} trial" if _again(known) else kind)
    return _finish(work, known, kind, start, tuned, {})


def _auto(work: Work, known: Known) -> Learnt:
    bi = _start(work, known, "bi-encoder")
    if known.held_out is None or bi.judged is None:
        why = f"took the bi-encoder: {known.fitted} rows and none to judge by are too few to choose"
        work.run.note_event("log", f"auto {why}.")
        tuned = _tuned(work, known, bi, "bi-encoder")
        return _finish(work, known, "bi-encoder", bi, tuned, {"took": "bi-encoder", "why": why})
    try:
        tuned = _tuned(work, known, bi, "bi-encoder trial")
    except Diverged as error:
        why = f"took the head on frozen vectors: {error}"
        work.run.note_event("log", f"auto {why}")
        return _finish(work, known, "bi-encoder", bi, None, {"took": "frozen", "why": why})
    assert tuned.judged is not None
    cross = cross_tuned = None
    if agreed(could_win(tuned.judged)):
        try:
            cross, cross_tuned = _cross(work, known, tuned.judged)
        except Diverged as error:
            work.run.note_event("log", f"No cross-encoder: {error}")
    decision = decide(bi.judged, tuned.judged, cross_tuned and cross_tuned.judged)
    said = _said(decision, bi.judged, tuned, cross_tuned)
    work.run.note_event("log", f"auto {decision.words}.", said)
    took = agreed(decision.took)
    if took == "cross-encoder":
        assert cross is not None
        assert cross_tuned is not None
        return _finish(work, known, "cross-encoder", cross, cross_tuned, said)
    if took == "frozen":
        return _finish(work, known, "bi-encoder", bi, None, said)
    return _finish(work, known, "bi-encoder", bi, tuned, said)


def _cross(work: Work, known: Known, best: Judged) -> tuple[Start, Tuned]:
    """A cross-encoder: trained for half as long as usual, and for as long where there is hope."""
    start = _start(work, known, "cross-encoder")
    usual = RANKED.epochs(known.to_learn, work.recipe.settings)
    if usual == 1:
        return start, _tuned(work, known, start, "cross-encoder trial")
    look = _tuned(work, known, start, "cross-encoder look", epochs=usual // 2)
    assert look.judged is not None
    if agreed(hopeless(look.judged, best)):
        work.run.note_event(
            "log",
            f"The cross-encoder's trial ended after {usual // 2} of {usual} epochs: its held-out "
            f"loss {float(look.judged.losses.mean()):.3f} isn't below the bi-encoder's "
            f"{float(best.losses.mean()):.3f}.",
        )
        return start, look
    start = _renewed(work, known, start, "cross-encoder", range(known.fitted))
    return start, _tuned(work, known, start, "cross-encoder trial")


# --- steps ----------------------------------------------------------------------------------------


def _start(work: Work, known: Known, kind: Kind) -> Start:
    scorer = new_scorer(work, kind)
    work.timings.done("load")
    rows = len(known.rows.orders)
    places = [*range(min(known.fitted, SOLVED_ON)), *range(known.fitted, rows)]
    work.run.note_event("state", f"reading for the {kind}'s head", {"rows": len(places)})
    features = frozen_features(work, scorer, [known.rows.questions[place] for place in places])
    work.timings.done("embed")
    start = _solved(work, known, Start(scorer, None, features, places), range(known.fitted))
    if known.held_out is None:
        return start
    orders = [known.rows.orders[place] for place in places]
    judging = [at for at, place in enumerate(places) if place >= known.fitted]
    found = judged(
        scored(features, orders, judging, scorer.head.detach().cpu()), known.held_out.orders
    )
    work.run.note_event("metric", f"{kind}, head on frozen vectors", found.metrics())
    return start._replace(judged=found)


def _solved(work: Work, known: Known, start: Start, rows: range) -> Start:
    orders = [known.rows.orders[place] for place in start.places]
    seen = [at for at, place in enumerate(start.places) if place in rows]
    solved = solve_best(start.features, orders, seen, work.recipe.settings.seed)
    start.scorer.set_head(solved.head)
    facts = {"rows": len(seen), "C": solved.strength}
    work.run.note_event("metric", f"head on frozen vectors: C = {solved.strength:g}", facts)
    work.timings.done("fit")
    return start


def _renewed(work: Work, known: Known, start: Start, kind: Kind, rows: range) -> Start:
    """The same start on an untouched base model, its head solved on these rows."""
    return _solved(work, known, start._replace(scorer=new_scorer(work, kind)), rows)


def _tuned(work: Work, known: Known, start: Start, name: str, epochs: int | None = None) -> Tuned:
    usual = RANKED.epochs(known.to_learn, work.recipe.settings)
    tuned = tune(work, name, start.scorer, known.learnt, known.held_out, epochs or usual)
    work.timings.done("tune")
    return tuned


def _again(known: Known) -> bool:
    """Whether rows were held out that are to be learnt from in the end."""
    return known.held_out is not None and not known.given


def _finish(
    work: Work, known: Known, kind: Kind, start: Start, tuned: Tuned | None, auto: Mapping[str, Any]
) -> Learnt:
    """Train what was chosen on all rows, unless that is done, and write it."""
    if tuned is None or _again(known):  # the scorer of the trial isn't what it began as
        rows = range(len(known.rows.orders) if _again(known) else known.fitted)
        start = _renewed(work, known, start, kind, rows)
    if tuned is not None and _again(known):
        tune(work, kind, start.scorer, known.rows, None, tuned.epochs)
        work.timings.done("tune")
    found = start.judged if tuned is None else tuned.judged
    trained = UNTOUCHED if tuned is None else taken_from(start.scorer.model)
    card = Artifact(
        method=kind,
        shape=Shape.RANKED,
        weights=trained.weights,
        labels=(),
        base=work.recipe.base,
        max_length=work.recipe.max_length,
        precision=start.scorer.model.precision,
        temperature=None if found is None else found.temperature,
        options=trained.options,
    )
    head = {"head": start.scorer.head}
    write_artifact(work.run.artifact, card, {HEAD: head, **trained.files})
    return Learnt(
        temperature=card.temperature,
        applied={
            "method": kind if tuned is not None else f"{kind}, head only",
            "seed": work.recipe.settings.seed,
            "max_length": work.recipe.max_length,
            **({} if tuned is None else tuned.applied),
        },
        metrics={
            **({} if found is None else found.metrics()),
            **({"auto": dict(auto)} if auto else {}),
        },
        measured={},
    )


# --- rows and words -------------------------------------------------------------------------------


def _known(work: Work) -> Known:
    rows = telling(work.train)
    if passed := len(work.train) - len(rows.orders):
        work.run.note_event("log", f"{passed} rows say of no option that it is better: left out.")
    if not rows.orders:
        raise ModelError(
            "no row says that one option is better than another, so there is nothing to learn. "
            "Add rows with best or ranks."
        )
    if work.validation is None:
        split = hold_out(rows, work.recipe.settings.seed)
        return _joined(split.fitted, split.held_out, given=False)
    judging = telling(work.validation)
    if passed := len(work.validation) - len(judging.orders):
        work.run.note_event("log", f"{passed} validation rows tell no better option: left out.")
    return _joined(rows, judging if judging.orders else None, given=True)


def _joined(fitted: Lists, held_out: Lists | None, *, given: bool) -> Known:
    out = held_out or Lists([], [])
    rows = Lists(fitted.questions + out.questions, fitted.orders + out.orders)
    return Known(rows, len(fitted.orders), given)


def _said(decision: Decision, frozen: Judged, tuned: Tuned, cross: Tuned | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "took": decision.took,
        "why": decision.words,
        "frozen": frozen.metrics(),
    }
    for name, one in (("bi-encoder", tuned), ("cross-encoder", cross)):
        if one is not None and one.judged is not None:
            said[name] = {"epochs": one.epochs, **one.judged.metrics()}
    return said
