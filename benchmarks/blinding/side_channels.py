"""``python -m benchmarks.blinding.side_channels``: whether OUT tells the arm without its pixels.

A synthetic trial of 200 + 200 subjects, whose arms leave traces in all that sites send, goes
through ``corelab run`` in two deliveries, one arm each: the order of receipt is the arm. A
classifier then learns the arm from what sites sent, from OUT with generated codes and from OUT
with codes of the trial; and the site from OUT. ``--write`` puts the table into
``docs/blinding.md``.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.blinding.side_channel_auc import Auc, auc_of
from benchmarks.blinding.side_channel_features import (
    Channel,
    Features,
    Seen,
    seen_in_delivery,
    seen_in_out,
)
from benchmarks.blinding.side_channel_trial import (
    SITES,
    Arm,
    Subject,
    deliver,
    draw_trial,
    folder_of,
)
from corelab.blinding.code import new_code
from corelab.blinding.vault import open_vault

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "blinding.md"
TRIAL = REPOSITORY / "configs" / "demo.toml"
CORELAB = Path(sys.executable).with_name("corelab")
BEGIN, END = "<!-- side channels: begin -->", "<!-- side channels: end -->"
N_PER_ARM = 200
SEED = 20260101
EXIT_PROBLEMS = 1


def main() -> int:
    """Print the table; status 1 where OUT tells the arm or the delivery does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-arm", type=int, default=N_PER_ARM, help="a multiple of 4")
    parser.add_argument("--keep", type=Path, help="work here, and leave it there")
    parser.add_argument("--write", action="store_true", help=f"also into {PAGE.name}")
    asked = parser.parse_args()
    started = time.monotonic()
    if asked.keep:
        table, is_blind = _compare(asked.per_arm, asked.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="corelab-channels-") as folder:
            table, is_blind = _compare(asked.per_arm, Path(folder))
    print(table)
    print(f"{time.monotonic() - started:.0f} s")
    if asked.write:
        _write(table)
    return 0 if is_blind else EXIT_PROBLEMS


def _compare(n_per_arm: int, home: Path) -> tuple[str, bool]:
    subjects = draw_trial(n_per_arm, SEED)
    incoming = [home / "incoming" / str(arm) for arm in Arm]
    for arm, folder in zip(Arm, incoming, strict=True):
        deliver([subject for subject in subjects if subject.arm is arm], folder)
    is_treated = np.array([subject.is_treated for subject in subjects])
    is_second_site = np.array([subject.site is SITES[1] for subject in subjects])
    sent = seen_in_delivery(subjects, [folder_of(s, home / "incoming" / s.arm) for s in subjects])
    drawn = _seen_after_runs(subjects, incoming, home / "generated", None)
    issued = _seen_after_runs(subjects, incoming, home / "issued", _issue_codes(subjects, home))
    columns = (
        _aucs(sent, is_treated, within=is_second_site),
        _aucs(drawn, is_treated, within=is_second_site),
        _aucs(issued, is_treated, within=is_second_site),
        _aucs(drawn, is_second_site, within=is_treated),
    )
    told = columns[0][Channel.ALL].low > 0.9  # noqa: PLR2004 - what makes the test a test
    kept = all(column[Channel.ALL].holds_chance for column in columns[1:3])
    return _table(columns, len(subjects)), told and kept


def _seen_after_runs(
    subjects: Sequence[Subject], incoming: Iterable[Path], home: Path, codes: Path | None
) -> list[Seen]:
    """Run both deliveries, one after the other, and look at OUT."""
    out, vault = home / "out", home / "vault"
    for folder in incoming:
        command = [CORELAB, "run", folder, "--trial", TRIAL, "--out", out, "--vault", vault]
        done = subprocess.run(  # noqa: S603 - our own program
            [*command, *(["--subjects", codes] if codes else [])],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"corelab run ended with {done.returncode}:\n{done.stdout[-3000:]}")
    with open_vault(vault) as opened:
        code_of: Callable[[str], str] = opened.code_of
        return seen_in_out(out, [code_of(subject.patient_id) for subject in subjects])


def _issue_codes(subjects: Sequence[Subject], home: Path) -> Path:
    """Subjects file of a trial that draws its codes at random."""
    path = home / "subjects.csv"
    taken: set[str] = set()
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("patient_id", "subject_code", "visit"))
        for subject in subjects:
            code = new_code(taken)
            taken.add(code)
            writer.writerow((subject.patient_id, code, "fu24h"))
    return path


def _aucs(seen: Sequence[Seen], is_second: np.ndarray, *, within: np.ndarray) -> dict[Channel, Auc]:
    def auc(features: Sequence[Features]) -> Auc:
        return auc_of(features, is_second, SEED, within=within)

    channels = [channel for channel in Channel if channel is not Channel.ALL]
    by_channel = {c: auc([of_case[c] for of_case in seen]) for c in channels}
    return {**by_channel, Channel.ALL: auc([_joined(s) for s in seen])}


def _joined(of_case: Seen) -> Features:
    return {f"{c}: {name}": value for c, seen in of_case.items() for name, value in seen.items()}


def _table(columns: Sequence[dict[Channel, Auc]], n_subjects: int) -> str:
    heads = (
        "channel",
        "arm, from what sites sent",
        "arm, from OUT, codes generated",
        "arm, from OUT, codes of the trial",
        "site, from OUT",
    )
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for channel in Channel:
        cells = [_cell(column[channel]) for column in columns]
        lines.append("| " + " | ".join((channel.value, *cells)) + " |")
    caption = (
        f"AUC (95 % interval) over {n_subjects} subjects; in brackets, features that differ "
        "between cases, of all."
    )
    return "\n".join((*lines, "", caption))


def _cell(auc: Auc) -> str:
    return (
        f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) [{auc.n_telling} of {auc.n_features}]"
    )


def _write(table: str) -> None:
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
