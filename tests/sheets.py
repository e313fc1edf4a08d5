"""A small sheet of every kind of cell."""

from __future__ import annotations

from corelab.store.column import CellType
from corelab.store.exchange.sheet import SheetForm, Variable

FORM = SheetForm(name="volumes", label="Infarct volumes", structure="one row a case")
CODE = Variable(
    name="subject_code",
    short="SUBJCODE",
    label="Subject code",
    short_label="Subject code",
    type=CellType.TEXT,
    definition="Blinded code of the subject.",
    key=1,
)
VOLUME = Variable(
    name="infarct_volume_ml",
    short="INFVOL",
    label="Infarct volume",
    short_label="Infarct volume, mL",
    type=CellType.NUMBER,
    definition="Sum over slices.",
    unit="mL",
)
PIECES = Variable(
    name="n_components",
    short="NPIECES",
    label="Connected pieces",
    short_label="Connected pieces",
    type=CellType.INTEGER,
    definition="Number of pieces.",
)
SIDE = Variable(
    name="hemisphere",
    short="HEMISPH",
    label="Hemisphere",
    short_label="Hemisphere",
    type=CellType.TEXT,
    definition="Side of the infarct.",
    allowed=("left", "right"),
)
FLAGS = Variable(
    name="qc_flags",
    short="QCFLAGS",
    label="Reasons to look",
    short_label="Reasons to look",
    type=CellType.TEXT,
    definition="Joined by ';'.",
    allowed=("a", "b"),
)
