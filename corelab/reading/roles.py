"""Who may do what in the reading room, as a closed set."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user of the reading room is there for; each user has one role."""

    READER = "reader"
    QA = "qa"
    STATISTICIAN = "statistician"
    DATA_MANAGER = "data_manager"
