from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from corelab.kernels.intraclass import UNDEFINED, Interval
from corelab.store.agreement_plot import Line, aligned, text_figures
from corelab.store.agreement_report import AgreementReport, write_agreement
from corelab.store.comparison import AgreementRow, Comparison, Group, LeftOut, Pairs, VolumePair
from corelab.store.layout import Layout

PAIRS = tuple(
    VolumePair(
        comparison=Comparison.INTER_READER,
        subject_code=f"AB{number:04d}",
        visit="fu24h",
        modality="NCCT",
        first="anna",
        second="bert",
        first_ml=float(number),
        second_ml=number + difference,
    )
    for number, difference in enumerate((0.5, -7.0, 1.0, 2.0) * 4)
)
LEFT_OUT = LeftOut(
    comparison=Comparison.INTER_READER,
    subject_code="AB0099",
    visit="fu24h",
    modality="NCCT",
    first="anna",
    second="bert",
    is_first_assessable=True,
    is_second_assessable=False,
)
FOUND = Interval(0.9, 0.8, 0.95)
ROW = AgreementRow(
    group=Group(comparison=Comparison.INTER_READER),
    n=len(PAIRS),
    mdc_ml=8.0,
    kappa=UNDEFINED,
    **dict.fromkeys(
        AgreementRow.__dataclass_fields__.keys() - {"group", "n", "mdc_ml", "kappa"}, FOUND
    ),
)
REPORT = AgreementReport(
    trial_id="NCT0",
    software_version="0.1.0",
    found=Pairs(pairs=PAIRS, left_out=(LEFT_OUT,)),
    rows=(ROW,),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = Layout(tmp_path_factory.mktemp("out"))
    write_agreement(layout.agreement, layout, REPORT)
    return layout.agreement


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_figure_of_the_page_stands_in_a_table(folder: Path) -> None:
    (row,) = rows_of(folder / "agreement.csv")

    assert (row["icc_2_1"], row["icc_2_1_low"], row["icc_2_1_high"]) == ("0.9", "0.8", "0.95")
    assert "0.900 (0.800 to 0.950)" in (folder / "agreement.html").read_text()
    assert len(rows_of(folder / "pairs.csv")) == len(PAIRS)


def test_an_undefined_figure_is_an_empty_cell(folder: Path) -> None:
    (row,) = rows_of(folder / "agreement.csv")

    assert row["kappa_infarct"] == ""


def test_the_largest_differences_come_first_and_link_to_their_mosaics(folder: Path) -> None:
    page = (folder / "agreement.html").read_text()
    listed = re.findall(r'<a href="([^"]+)">(AB\d+) fu24h</a>', page)

    assert [code for _, code in listed[:4]] == ["AB0001", "AB0005", "AB0009", "AB0013"]
    assert listed[0][0] == ("../sub-AB0001/ses-fu24h/sub-AB0001_ses-fu24h_desc-infarct_qa.png")


def test_the_page_needs_nothing_and_runs_nothing(folder: Path) -> None:
    page = (folder / "agreement.html").read_text()

    assert "<script" not in page
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_same_pairs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = Layout(tmp_path).agreement
    write_agreement(again, Layout(tmp_path), REPORT)

    for path in sorted(folder.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_document_has_a_page_a_comparison_and_the_forest(folder: Path) -> None:
    content = (folder / "agreement.pdf").read_bytes()

    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page ") == 3  # figures, numbers and cases, forest
    mosaic = b"(../sub-AB0001/ses-fu24h/sub-AB0001_ses-fu24h_desc-infarct_qa.png)"
    assert content.count(mosaic) == 1


def test_what_gives_no_pair_is_counted_and_listed(folder: Path) -> None:
    (row,) = rows_of(folder / "left_out.csv")

    assert (row["subject_code"], row["second_assessable"]) == ("AB0099", "no")
    page = (folder / "agreement.html").read_text()
    assert "16 pairs; differences are bert minus anna." in page
    assert "Without a pair: 1 (not assessable by one: 1, by both: 0; left_out.csv)." in page


def test_a_long_list_of_lines_goes_on_on_another_page() -> None:
    lines = [Line("a line of text", None)] * 101

    assert len(text_figures("title", lines)) == 3
    assert aligned([("case", "mL"), ("AB", "12.5")]) == ["case    mL", "AB    12.5"]
