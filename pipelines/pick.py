"""Which cases of a delivery a batch measures: all of them, or those of some codes and one visit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from corelab.errors import ConfigError, Fault
from corelab.series import Plan
from corelab.vocab import Case, SubjectCode, VisitLabel

_MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Cases that are picked; empty means all codes, ``None`` every visit."""

    codes: frozenset[SubjectCode] = frozenset()
    visit: VisitLabel | None = None

    def takes(self, case: Case) -> bool:
        """Whether a case is picked."""
        is_code = not self.codes or case.subject_code in self.codes
        return is_code and self.visit in {None, case.visit}

    def narrow(self, plan: Plan) -> Plan:
        """Plan with the picked cases and the problems of these and of no case; every verdict.

        Raises
        ------
        ConfigError
            When a code or the visit is not in the delivery, or no case is of both.
        """
        self._check(cases_in(plan))
        return replace(
            plan,
            cases=tuple(case for case in plan.cases if self.takes(case.case)),
            problems=tuple(
                problem
                for problem in plan.problems
                if not problem.subject_code
                or self.takes(Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit)))
            ),
        )

    def _check(self, cases: Iterable[Case]) -> None:
        cases = tuple(cases)
        codes = sorted({str(case.subject_code) for case in cases})
        visits = sorted({str(case.visit) for case in cases})
        faults = [
            _fault("--only", code, codes, "a subject code of this delivery")
            for code in sorted(self.codes.difference(codes))
        ]
        if self.visit is not None and self.visit not in visits:
            faults.append(_fault("--visit", self.visit, visits, "a visit of this delivery"))
        if not faults and (self.codes or self.visit) and not any(map(self.takes, cases)):
            theirs = sorted({str(c.visit) for c in cases if c.subject_code in self.codes})
            expected = f"a visit of these subjects: {_named(theirs)}"
            faults = [Fault(key="--visit", found=repr(str(self.visit)), expected=expected)]
        if faults:
            raise ConfigError("the choice of cases", tuple(faults))


EVERY_CASE = Pick()


def cases_in(plan: Plan) -> frozenset[Case]:
    """Every case that a series of a delivery belongs to, measurable or not."""
    return frozenset(verdict.case for verdict in plan.verdicts if verdict.case)


def pick_of(only: str | None, visit: str | None) -> Pick:
    """Read what the command line says: codes with commas between them, and a visit."""
    codes = (part.strip() for part in (only or "").split(","))
    return Pick(
        codes=frozenset(SubjectCode(code) for code in codes if code),
        visit=VisitLabel(visit) if visit else None,
    )


def _fault(option: str, found: str, known: Sequence[str], expected: str) -> Fault:
    nearest = difflib.get_close_matches(found, known, n=1)
    return Fault(
        key=option,
        found=repr(str(found)),
        expected=f"{expected}: {_named(known)}",
        nearest=nearest[0] if nearest else None,
    )


def _named(known: Sequence[str]) -> str:
    rest = len(known) - _MOST_NAMED
    named = ", ".join(known[:_MOST_NAMED]) or "there is none"
    return named + (f" and {rest} more" if rest > 0 else "")
