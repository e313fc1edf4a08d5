"""Draws canaries for one delivery and remembers them all."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path, PurePosixPath

from benchmarks.blinding.canary import FORM_OF_VR, Canary, Form, Mint, Place

YEARS_OF_FILES = (1905, 1965)


class Planter:
    """Draws canaries and remembers them."""

    def __init__(self, seed: int) -> None:
        self.mint = Mint(seed)
        self.canaries: list[Canary] = []

    def plant(self, place: Place, name: str, vr: str, file: PurePosixPath) -> Canary:
        """Draw a canary that is legal for a VR."""
        form = FORM_OF_VR.get(vr, Form.WORD)
        text = self.mint.draw(form)
        canary = Canary(text=text, form=form, place=place, name=name, vr=vr, file=file)
        self.canaries.append(canary)
        return canary

    def word(self, place: Place, name: str, file: PurePosixPath) -> str:
        """Draw a word for a place that has no VR."""
        return self.plant(place, name, "", file).text

    def day(self, place: Place, name: str, file: PurePosixPath, years: tuple[int, int]) -> datetime:
        """Draw a day that files can bear as their time."""
        day = datetime.combine(self.mint.day(years), clock(12), UTC)
        text = f"{day:%Y%m%d}"
        self.canaries.append(
            Canary(text=text, form=Form.DATE, place=place, name=name, vr="", file=file)
        )
        return day


def set_time(path: Path, moment: datetime) -> None:
    """Give a file the time that was drawn for it."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))
