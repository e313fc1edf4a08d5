"""The QA page of a batch: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import Environment

from corelab.store.chart import Axis, Point, StripChart, cube_root_axis, linear_axis, strip_chart
from corelab.store.pages import digest_source, template_text, templates
from corelab.store.qa_ratings import CONFIDENCE_CHOICES, REASON_CHOICES, VERDICT_CHOICES
from corelab.store.qa_row import QaCount, QaPage, QaRow
from corelab.store.standout import flag_words, stand_outs

__all__ = ["QaCount", "QaPage", "QaRow", "policy_of", "render_qa_page", "served_page"]

_DIGEST_FORM = r"sha256-[A-Za-z0-9+/]{43}="
_POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
    "base-uri 'none'; form-action 'none'"
)
_POLICY_FORM = re.compile(
    re.escape(_POLICY).replace(r"\{style\}", _DIGEST_FORM).replace(r"\{script\}", _DIGEST_FORM)
)
_POLICY_TAG = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_OWN_SERVER = "; connect-src 'self'"
_BODY = "<body"
# One script: a part uses what the parts before it name.
_SCRIPTS = (
    "qa_ratings.js",
    "qa_files.js",
    "qa_store.js",
    "qa_table.js",
    "qa_rating.js",
    "qa_agreement.js",
    "qa_viewer.js",
    "qa.js",
)
_KEYS = (
    ("n", "next case that you have not rated; first, where you stopped"),
    ("j k", "next and previous: case in the picture, row in the table"),
    ("\u2192 \u2190", "the same in the picture"),
    ("Enter", "enlarge the row"),
    ("1 2 3 4", "pass, warn, fail, not assessable"),
    ("5 6 7", "how sure: low, medium, high; again takes it back"),
    ("m b t w l i o", "reasons: see their letters"),
    ("c", "comment"),
    ("f", "outline off and on"),
    ("a", "accepted outline in place of the automatic one, and back"),
    ("z", "width, twice as large, whole picture"),
    ("/", "search"),
    ("?", "these keys"),
    ("Esc", "leave a box, close the picture"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A row with what the template needs to place it."""

    case_id: str
    row: QaRow
    hints: tuple[str, ...]

    @property
    def mosaic_uri(self) -> str:
        """Mosaic as a data URI, empty where there is none."""
        return _data_uri("image/webp", self.row.mosaic_webp)

    @property
    def lines_uri(self) -> str:
        """Lines of the mosaic as a data URI, empty where there are none."""
        return _data_uri("image/png", self.row.lines_png)

    @property
    def accepted_uris(self) -> tuple[str, ...]:
        """Lines of accepted masks as data URIs."""
        accepted = self.row.accepted
        return tuple(_data_uri("image/png", png) for png in accepted.lines_png) if accepted else ()

    @property
    def accepted_words(self) -> str:
        """What is said of them; empty where there are none."""
        accepted = self.row.accepted
        if accepted is None:
            return ""
        slices = f"{accepted.n_hidden} of its slices not shown" if accepted.n_hidden else ""
        return "; ".join(filter(None, (accepted.words, slices)))


def _data_uri(kind: str, content: bytes | None) -> str:
    if content is None:
        return ""
    return f"data:{kind};base64," + base64.b64encode(content).decode("ascii")


def render_qa_page(page: QaPage) -> str:
    """One self-contained HTML page, the same text for the same page.

    It shows every row, and what was not measured with its reason; nothing on it comes
    from outside, and its policy lets nothing but its own script and style run.
    """
    rows = sorted(page.rows, key=lambda row: (row.subject_code, row.visit, row.reason_code))
    standing_out = stand_outs(rows)
    hints = {case.index: case.hints for case in standing_out}
    entries = [
        _Entry(case_id=case_id, row=row, hints=hints.get(index, ()))
        for index, (case_id, row) in enumerate(zip(_case_ids(rows), rows, strict=True))
    ]
    style, script = template_text("qa.css"), "\n".join(map(template_text, _SCRIPTS))
    return (
        _environment()
        .get_template("qa.html")
        .render(
            page=page,
            entries=entries,
            standing_out=[entries[case.index] for case in standing_out],
            charts=_charts(entries),
            verdicts=VERDICT_CHOICES,
            reasons=REASON_CHOICES,
            confidences=CONFIDENCE_CHOICES,
            keys=_KEYS,
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


def policy_of(page_html: str) -> str | None:
    """Content security policy that a QA page states for itself.

    ``None`` where the page states none of this form, which names no source but digests:
    whoever serves the page can then repeat the policy and lets nothing more run.
    """
    tag = _POLICY_TAG.search(page_html)
    policy = html.unescape(tag.group(1)) if tag else ""
    return policy if _POLICY_FORM.fullmatch(policy) else None


def served_page(page_html: str) -> tuple[str, str] | None:
    """QA page as a reading room serves it, and its policy: it may talk to its own server.

    ``None`` where the page's policy is not of :func:`policy_of`'s form.
    """
    policy = policy_of(page_html)
    if policy is None:
        return None
    text = _POLICY_TAG.sub(lambda tag: tag[0].replace(tag[1], tag[1] + _OWN_SERVER), page_html, 1)
    return text.replace(_BODY, f'{_BODY} data-room=""', 1), policy + _OWN_SERVER


def _environment() -> Environment:
    environment = templates()
    environment.filters["flag_words"] = flag_words
    environment.filters["decimals"] = _decimals
    return environment


def _decimals(value: float | None, count: int) -> str:
    """Write a number with so many decimals, nothing for none: a macro takes ten times as long."""
    return "" if value is None else f"{value:.{count}f}"


def _policy(style: str, script: str) -> str:
    """Content security policy that names this style and this script by their digests."""
    return _POLICY.format(style=digest_source(style), script=digest_source(script))


def _case_ids(rows: Sequence[QaRow]) -> list[str]:
    """Names that a link keeps from batch to batch; a number where two rows share one."""
    seen: dict[str, int] = {}
    names = []
    for row in rows:
        code, visit = (
            re.sub(r"[^A-Za-z0-9_]", "-", part) or "unknown"
            for part in (row.subject_code, row.visit)
        )
        name = f"case-{code}-{visit}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return names


def _charts(entries: Sequence[_Entry]) -> list[StripChart]:
    charts = (
        _chart(entries, lambda row: row.infarct_volume_ml, _infarct_axis),
        _chart(entries, lambda row: row.brain_volume_ml, _brain_axis),
    )
    return [chart for chart in charts if chart is not None]


def _chart(
    entries: Sequence[_Entry],
    volume_of: Callable[[QaRow], float | None],
    axis_of: Callable[[Sequence[float]], Axis],
) -> StripChart | None:
    points = [
        Point(
            group=entry.row.group,
            value=volume,
            case_id=entry.case_id,
            label=f"{entry.row.name}: {volume:.1f} mL",
            is_flagged=bool(entry.row.flags),
        )
        for entry in entries
        if entry.row.is_measured and (volume := volume_of(entry.row)) is not None
    ]
    return strip_chart(points, axis_of([point.value for point in points])) if points else None


def _infarct_axis(values: Sequence[float]) -> Axis:
    return cube_root_axis("Infarct volume, mL (cube-root scale)", values)


def _brain_axis(values: Sequence[float]) -> Axis:
    return linear_axis("Brain volume, mL", values)
