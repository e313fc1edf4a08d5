"""``python -m benchmarks.blinding.side_channels``: whether OUT tells the arm without its pixels.

A synthetic trial of 200 + 200 subjects, whose arms leave traces in all that sites send, goes
through ``corelab run`` in two deliveries, one arm each: the order of receipt is the arm. A
classifier then learns the arm from what sites sent, from OUT with generated codes and from OUT
with codes of the trial; and the site from OUT. What it makes of OUT is held against what it makes
of it when the same subjects' arms are dealt anew. ``--write`` puts the table into
``docs/blinding.md``.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.page import REPOSITORY, write_blocks
from benchmarks.blinding.side_channel_auc import Auc, Told, auc_of, told_of
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
    deal,
    deliver,
    draw_trial,
    folder_of,
)
from corelab.blinding.code import new_code
from corelab.blinding.vault import open_vault

PAGE = REPOSITORY / "docs" / "blinding.md"
TRIAL = REPOSITORY / "configs" / "demo.toml"
CORELAB = Path(sys.executable).with_name("corelab")
BLOCK = "side_channels"
N_PER_ARM = 200
SEED = 20260101
N_DEALT = 39
"""One in twenty trials that tell nothing lies outside the range of so many others."""
HEADS = (
    "channel",
    "arm, from what sites sent",
    "arm, from OUT, codes generated",
    "arm, from OUT, codes of the trial",
    "site, from OUT",
)
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
        write_blocks(PAGE, {BLOCK: table})
    return 0 if is_blind else EXIT_PROBLEMS


def _compare(n_per_arm: int, home: Path) -> tuple[str, bool]:
    subjects = draw_trial(n_per_arm, SEED)
    incoming = [home / "incoming" / str(arm) for arm in Arm]
    for arm, folder in zip(Arm, incoming, strict=True):
        deliver([subject for subject in subjects if subject.arm is arm], folder)
    is_treated = _is_treated(subject.arm for subject in subjects)
    is_second_site = np.array([subject.site is SITES[1] for subject in subjects])
    sent = seen_in_delivery(subjects, [folder_of(s, home / "incoming" / s.arm) for s in subjects])
    drawn = _seen_after_runs(subjects, incoming, home / "generated", None)
    issued = _seen_after_runs(subjects, incoming, home / "issued", _issue_codes(subjects, home))
    rng = np.random.default_rng(SEED)
    others = [_is_treated(deal(len(subjects), rng)) for _ in range(N_DEALT)]
    with ProcessPoolExecutor() as pool:

        def told(seen: Sequence[Seen]) -> dict[Channel, Told]:
            return {
                channel: told_of(
                    of_cases, is_treated, others, pool, within=is_second_site, seed=SEED
                )
                for channel, of_cases in _by_channel(seen).items()
            }

        of_out = (told(drawn), told(issued))
    of_delivery = _aucs(sent, is_treated, within=is_second_site)
    of_site = _aucs(drawn, is_second_site, within=is_treated)
    is_a_test = of_delivery[Channel.ALL].value > 0.9  # noqa: PLR2004 - arms that could be told
    is_blind = all(column[Channel.ALL].is_chance for column in of_out)
    return _table((of_delivery, *of_out, of_site), len(subjects)), is_a_test and is_blind


def _is_treated(arms: Iterable[Arm]) -> NDArray[np.bool_]:
    return np.array([arm is Arm.TREATED for arm in arms])


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


def _aucs(
    seen: Sequence[Seen], is_second: NDArray[np.bool_], *, within: NDArray[np.bool_]
) -> dict[Channel, Auc]:
    return {
        channel: auc_of(of_cases, is_second, within=within, seed=SEED)
        for channel, of_cases in _by_channel(seen).items()
    }


def _by_channel(seen: Sequence[Seen]) -> dict[Channel, list[Features]]:
    channels = [channel for channel in Channel if channel is not Channel.ALL]
    by_channel = {channel: [of_case[channel] for of_case in seen] for channel in channels}
    return {**by_channel, Channel.ALL: [_joined(of_case) for of_case in seen]}


def _joined(of_case: Seen) -> Features:
    return {f"{c}: {name}": value for c, seen in of_case.items() for name, value in seen.items()}


def _table(columns: Sequence[Mapping[Channel, Auc | Told]], n_subjects: int) -> str:
    lines = ["| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
    for channel in Channel:
        cells = [_cell(column[channel]) for column in columns]
        lines.append("| " + " | ".join((channel.value, *cells)) + " |")
    caption = (
        f"AUC over {n_subjects} subjects; in round brackets its range over {N_DEALT} trials of the "
        "same subjects with arms dealt anew; in square ones, features that differ between cases, "
        "of all."
    )
    return "\n".join((*lines, "", caption))


def _cell(found: Auc | Told) -> str:
    if isinstance(found, Told):
        auc, dealt = found.auc, f" ({found.low:.3f} to {found.high:.3f})"
    else:
        auc, dealt = found, ""
    return f"{auc.value:.3f}{dealt} [{auc.n_telling} of {auc.n_features}]"


if __name__ == "__main__":
    sys.exit(main())
