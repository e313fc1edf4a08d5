"""Why the reading room does not take an act: a closed set, and the error that carries it."""

from __future__ import annotations

from enum import StrEnum

from corelab.errors import LedgerError


class Refusal(StrEnum):
    """Which rule an act breaks."""

    UNKNOWN_USER = "unknown_user"
    DISABLED_USER = "disabled_user"
    WRONG_ROLE = "wrong_role"
    FIRST_USER = "first_user"
    NAME_TAKEN = "name_taken"
    LAST_MANAGER = "last_manager"
    RULES_ABSENT = "rules_absent"
    RULES_FROZEN = "rules_frozen"
    ORDER_ABSENT = "order_absent"
    ORDER_COMMITTED = "order_committed"
    UNKNOWN_CASE = "unknown_case"
    SAME_CASE = "same_case"
    CASE_EXCLUDED = "case_excluded"
    IMAGE_CHANGED = "image_changed"
    NOT_RELEASED = "not_released"
    NOT_A_READER = "not_a_reader"
    ID_TAKEN = "id_taken"
    NUMBER_SKIPPED = "number_skipped"
    READ_ALREADY = "read_already"
    JUDGED_ALREADY = "judged_already"
    ENOUGH_READS = "enough_reads"
    NOTHING_TO_REPEAT = "nothing_to_repeat"
    NOT_CALLED_FOR = "not_called_for"
    UNKNOWN_READ = "unknown_read"
    NOT_THEIR_READ = "not_their_read"
    NOT_NEXT = "not_next"
    WRONG_STATE = "wrong_state"
    STALE_EDITION = "stale_edition"
    STALE_VERSION = "stale_version"
    OTHER_MASK = "other_mask"
    UNSOUND_RESULT = "unsound_result"
    ADJUDICATED = "adjudicated"
    STILL_READS = "still_reads"
    UNKNOWN_MASK = "unknown_mask"
    COMPARED_ALREADY = "compared_already"
    UNKNOWN_QUERY = "unknown_query"
    ANSWERED_ALREADY = "answered_already"
    NOT_LOCKED = "not_locked"
    NOT_ASKED = "not_asked"
    SAME_PERSON = "same_person"


class RefusedError(LedgerError):
    """An act that the rules of the reading room do not allow.

    Parameters
    ----------
    refusal
        Which rule it breaks.
    message
        What was found and what was expected, with codes and names only.
    """

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(refusal, message)
        self.refusal = refusal
        self.message = message

    def __str__(self) -> str:
        """Return the rule and the message."""
        return f"{self.refusal}: {self.message}"
