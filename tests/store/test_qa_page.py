from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from corelab.store.qa_page import QaCount, QaPage, QaRow, policy_of, render_qa_page
from corelab.vocab import Hemisphere, Modality, QcFlag

PNG = b"\x89PNG\r\n\x1a\n"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "
VOID = {"meta", "link", "img", "input", "br", "path", "circle"}
EVIL = "<script>alert('x')</script> & \"quotes\""


class Reader(HTMLParser):
    """Tags with attributes, text by the innermost tag, and whether tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def measured(code: str, volume_ml: float = 43.21, **changes: tuple[QcFlag, ...]) -> QaRow:
    return QaRow(
        subject_code=code,
        visit="fu24h",
        modality=Modality.DWI,
        infarct_volume_ml=volume_ml,
        infarct_volume_low_ml=volume_ml * 0.9,
        infarct_volume_high_ml=volume_ml * 1.1,
        brain_volume_ml=1234.5,
        n_components=2,
        hemisphere=Hemisphere.RIGHT,
        mosaic_webp=WEBP,
        lines_png=PNG,
        image_sha256="a" * 64,
        mask_sha256="b" * 64,
        flags=changes.get("flags", ()),
    )


def failed(code: str, message: str = "a gap of 10 mm") -> QaRow:
    return QaRow(subject_code=code, visit="fu24h", reason_code="missing_slice", message=message)


def page_of(*rows: QaRow) -> QaPage:
    return QaPage(
        trial_id="NCT04142125",
        rows=rows,
        software_version="0.1.0",
        config_digest="3f9a1c77e0b2d415",
        counts=(QaCount(label="Files received", count=512),),
    )


def facts(reader: Reader) -> dict[str, str]:
    return dict(zip(reader.text["dt"], reader.text["dd"], strict=True))


def test_counts_come_from_the_rows() -> None:
    rows = (measured("A"), measured("B", flags=(QcFlag.BILATERAL,)), failed("C"))
    found = facts(Reader(render_qa_page(page_of(*rows))))
    assert found == {
        "Measured": "2",
        "Not measured": "1",
        "Flagged": "1",
        "Files received": "512",
    }


def test_every_case_is_on_the_page_measured_or_not() -> None:
    reader = Reader(render_qa_page(page_of(measured("A"), failed("B"), failed("", "no subject"))))
    rows = [row for row in reader.all("tr") if "id" in row]
    assert [row["id"] for row in rows] == ["case-unknown-fu24h", "case-A-fu24h", "case-B-fu24h"]
    assert [row["data-state"] for row in rows] == ["unmeasured", "measured", "unmeasured"]
    text = "".join(part for parts in reader.text.values() for part in parts)
    assert text.count("a gap of 10 mm") == 2, "in the list of what was not measured and its row"
    assert "no subject" in text


def test_a_failure_is_no_number_and_zero_is_one() -> None:
    reader = Reader(render_qa_page(page_of(measured("A", 0.0), failed("B"))))
    strong = [text for text in reader.text["strong"] if text.strip()]
    assert strong == ["0.0"]
    assert "not measured" in reader.text["span"]
    empty = [cell for cell in reader.all("td") if cell.get("class") == "number"][4:]
    assert {cell["data-value"] for cell in empty} == {""}


def test_a_row_is_measured_or_has_a_reason_and_never_both() -> None:
    with pytest.raises(ValueError, match="either an infarct volume or a reason"):
        QaRow(subject_code="A", visit="fu24h")
    with pytest.raises(ValueError, match="either an infarct volume or a reason"):
        QaRow(subject_code="A", visit="fu24h", infarct_volume_ml=1.0, reason_code="head_cut")
    with pytest.raises(ValueError, match="finite"):
        QaRow(subject_code="A", visit="fu24h", infarct_volume_ml=math.nan)


def test_text_stays_text() -> None:
    page = render_qa_page(page_of(failed(EVIL, EVIL), measured(EVIL)))
    reader = Reader(page)
    assert len(reader.all("script")) == 1
    assert EVIL in "".join(part for parts in reader.text.values() for part in parts)
    assert "<script>alert" not in page


def test_nothing_comes_from_outside() -> None:
    page = render_qa_page(page_of(measured("A"), failed("B")))
    reader = Reader(page)
    for _, attributes in reader.tags:
        assert "style" not in attributes, "the policy forbids it"
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(|XMLHttp|import\(", page)
    policy = policy_of(page)
    assert policy is not None
    assert "connect-src" not in policy, "so that nothing can be fetched or sent"


def test_the_policy_names_this_style_and_this_script_only() -> None:
    page = render_qa_page(page_of(measured("A")))
    policy = policy_of(page)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("default-src &#39;none&#39;", "default-src *"),
        ("script-src ", "script-src &#39;unsafe-inline&#39; "),
        ("Content-Security-Policy", "X-Other"),
    ],
)
def test_a_changed_policy_is_not_repeated(old: str, new: str) -> None:
    assert policy_of(render_qa_page(page_of()).replace(old, new, 1)) is None


def test_the_same_page_gives_the_same_text_whatever_the_order_of_rows() -> None:
    rows = [measured("A"), measured("B"), failed("C")]
    assert render_qa_page(page_of(*rows)) == render_qa_page(page_of(*reversed(rows)))


def test_dots_and_lists_lead_to_rows_that_exist() -> None:
    rows = [measured(f"S{n}", 2.0 * n, flags=(QcFlag.LOW_CONFIDENCE,)) for n in range(10)]
    reader = Reader(render_qa_page(page_of(*rows, failed("S3"), failed("S 3"), failed("S-3"))))
    identifiers = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    targets = [link["href"][1:] for link in reader.all("a") if "href" in link]
    assert set(targets) <= set(identifiers)
    assert targets.count("case-S5-fu24h") == 3, "both charts and the list of what stands out"


def test_mosaics_are_inside_the_page_and_have_words_for_those_who_cannot_see() -> None:
    reader = Reader(render_qa_page(page_of(measured("A"))))
    image, lines = reader.all("img")[:2]
    assert base64.b64decode(lines["src"].removeprefix("data:image/png;base64,")) == PNG
    assert not lines["alt"], "the same words twice"
    assert base64.b64decode(image["src"].removeprefix("data:image/webp;base64,")) == WEBP
    assert image["alt"] == "Overlay mosaic of A fu24h"
    assert (image["loading"], image["decoding"]) == ("lazy", "async")


def test_the_page_has_language_landmarks_and_sortable_heads() -> None:
    reader = Reader(render_qa_page(page_of(measured("A"))))
    assert reader.all("html")[0]["lang"] == "en"
    assert all(len(reader.all(tag)) == 1 for tag in ("header", "main", "footer", "h1", "table"))
    heads = [head for head in reader.all("th") if "aria-sort" in head]
    assert len(heads) == len([b for b in reader.all("button") if b.get("class") == "sort"]) == 10
    labelled = [section["aria-labelledby"] for section in reader.all("section")]
    identifiers = {attributes.get("id") for _, attributes in reader.tags}
    assert set(labelled) <= identifiers


def test_an_empty_batch_still_has_a_page() -> None:
    assert facts(Reader(render_qa_page(page_of())))["Measured"] == "0"


def test_a_volume_that_is_not_eligible_says_so_beside_its_number() -> None:
    row = replace(measured("A", flags=(QcFlag.LOSSY_PIXELS,)), is_endpoint_eligible=False)
    reader = Reader(render_qa_page(page_of(row, measured("B"))))
    assert facts(reader)["Not eligible"] == "1"
    assert reader.text["span"].count("not eligible") == 1
    assert "Not eligible" not in facts(Reader(render_qa_page(page_of(measured("B")))))
