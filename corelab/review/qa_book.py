"""What QA reviewers may do: rate what lies under OUT, ask, answer, bring ratings from elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from corelab.reading.event import QaVerdictGiven, QueryAnswered, QueryOpened
from corelab.reading.records import Query, Rating
from corelab.review.answers import not_there
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.keeper import RoomKeeper, Step
from corelab.stages.publish import Publication, publication_from
from corelab.store.layout import Layout
from corelab.store.qa_ratings import QaRating, check_own, in_order
from corelab.store.record import load_read
from corelab.store.signing import Signer
from corelab.vocab import Case, QaReason, Read, SubjectCode, VisitLabel

INFARCT_MASK = "infarct_mask"

_QUERY_ID_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What became of ratings: written, older than the ledger's, or of a former picture."""

    n_written: int
    n_older: int
    n_former: int


class QaBook:
    """The verdicts and queries of a batch, in its ledger.

    Parameters
    ----------
    layout
        Where the batch lies.
    keeper
        Of its ledger.
    """

    def __init__(self, layout: Layout, keeper: RoomKeeper) -> None:
        self.layout = layout
        self._keeper = keeper

    def ratings(self) -> tuple[QaRating, ...]:
        """Every verdict that was given, in the order of its time."""
        made = publication_from(self.layout)
        histories = self._keeper.room().ratings.values()
        return in_order(_row_of(rating, made) for history in histories for rating in history)

    def ratings_shown_to(self, rater: str) -> tuple[QaRating, ...]:
        """Return a rater's own verdicts, and all on the cases that they have rated themselves."""
        ratings = self.ratings()
        rated = {rating.case for rating in ratings if rating.rater == rater}
        return tuple(rating for rating in ratings if rating.case in rated)

    def queries(self) -> tuple[Query, ...]:
        """Every query, answered or not, in the order in which they were asked."""
        return tuple(self._keeper.room().queries.values())

    def case(self, case_id: str) -> Case:
        """Case of an id as pages use it: subject code, dash, visit.

        Raises
        ------
        HTTPException
            404 when there is no such case under OUT.
        """
        known = {f"{case.subject_code}-{case.visit}": case for case in self._cases()}
        if case_id not in known:
            raise not_there()
        return known[case_id]

    def rate(self, signer: Signer, rating: QaRating) -> None:
        """Write a verdict on what lies under OUT.

        Raises
        ------
        DeniedError
            When the verdict is on another image or mask than the case has now.
        """
        if not self._is_of_now(rating, set(self._cases())):
            message = "This scan or its outline has changed since: load the page again."
            raise DeniedError(DenialCode.STALE, message)
        self._write(signer, rating)

    def ask(self, signer: Signer, case: Case, text: str) -> None:
        """Open a query: the case counts no more until it is answered."""
        query_id = secrets.token_hex(_QUERY_ID_BYTES)
        asked = QueryOpened(
            query_id=query_id, subject_code=case.subject_code, visit=case.visit, text=text
        )
        self._keeper.write(signer, lambda _: Step(event=asked))

    def answer(self, signer: Signer, query_id: str, text: str) -> None:
        """Answer a query."""
        if query_id not in self._keeper.room().queries:
            raise not_there()
        answered = QueryAnswered(query_id=query_id, text=text)
        self._keeper.write(signer, lambda _: Step(event=answered))

    def take_in(self, signer: Signer, ratings: Sequence[QaRating], source: str) -> TakenIn:
        """Write a rater's own ratings from a file, each in its turn.

        What is older than the rater's last verdict on its case is left out: it was taken in
        before, or does not stand any more. So is what is of a picture that is not there now.

        Raises
        ------
        ConfigError
            When some are another rater's.
        """
        check_own(ratings, signer.name, source)
        last = {row.case: row.rated_at_utc for row in self.ratings() if row.rater == signer.name}
        cases = set(self._cases())
        newer = [each for each in ratings if each.rated_at_utc > last.get(each.case, "")]
        present = [each for each in newer if self._is_of_now(each, cases)]
        for rating in present:
            self._write(signer, rating)
        return TakenIn(
            n_written=len(present),
            n_older=len(ratings) - len(newer),
            n_former=len(newer) - len(present),
        )

    def _write(self, signer: Signer, rating: QaRating) -> None:
        given = QaVerdictGiven(
            subject_code=rating.subject_code,
            visit=rating.visit,
            image_sha256=rating.image_sha256,
            mask_sha256=rating.mask_sha256,
            verdict=rating.verdict,
            reasons=tuple(reason.value for reason in rating.reasons),
            comment=rating.comment,
            viewed_s=rating.viewed_s,
            confidence=rating.confidence,
        )
        self._keeper.write(signer, lambda _: Step(event=given))

    def _cases(self) -> Iterable[Case]:
        for path in self.layout.reads():
            code, visit = path.parts[-3:-1]
            yield Case(
                SubjectCode(code.removeprefix("sub-")), VisitLabel(visit.removeprefix("ses-"))
            )

    def _is_of_now(self, rating: QaRating, cases: Collection[Case]) -> bool:
        """Whether a rating is of the files that its case has; ``cases`` are those under OUT."""
        if rating.case not in cases:
            return False
        read = load_read(self.layout.read(rating.case))
        return (rating.image_sha256, rating.mask_sha256) == _picture_of(read)


def _picture_of(read: Read) -> tuple[str, str]:
    return read.sha256_of(read.modality.contrast), read.sha256_of(INFARCT_MASK)


def _row_of(rating: Rating, made: Publication) -> QaRating:
    given = rating.given
    return QaRating(
        trial_id=made.trial_id,
        subject_code=given.subject_code,
        visit=given.visit,
        image_sha256=given.image_sha256,
        mask_sha256=given.mask_sha256,
        rater=rating.rater,
        rated_at_utc=rating.at_utc.removesuffix("+00:00") + "Z",
        verdict=given.verdict,
        reasons=tuple(map(QaReason, given.reasons)),
        comment=given.comment,
        software_version=made.software_version,
        viewed_s=given.viewed_s,
        confidence=given.confidence,
    )
