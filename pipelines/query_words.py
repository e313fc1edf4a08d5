"""What each reason code asks, in the words of a letter to a site."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from corelab.errors import ReasonCode


class Asked(StrEnum):
    """Who can answer."""

    SITE = "site"
    DATA_MANAGER = "data manager"
    NOBODY = "nobody"
    DEVELOPERS = "developers of corelab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was found, as a site says it, and what is needed now."""

    found: str
    needed: str
    asked: Asked = Asked.SITE


def question_of(reason: ReasonCode | None) -> Question:
    """Question of a reason code; a general one where none is known."""
    return _QUESTIONS.get(reason.value, _GENERAL) if reason else _GENERAL


def query_text(reason: ReasonCode | None) -> str:
    """Text of a query: one sentence of what was found, one of what is needed."""
    question = question_of(reason)
    return f"{question.found}. {question.needed}."


_AGAIN = "Please export this series from the archive once more and send all of it"
_ORIGINAL = "Please send the series as the scanner made it, not changed by another program"
_GENERAL = Question(
    found="These images could not be used", needed="Please look at them and send them again"
)
_QUESTIONS = {
    "not_dicom": Question(
        found="This file is no DICOM image",
        needed="Nothing, unless it should be one: then please export it again",
        asked=Asked.NOBODY,
    ),
    "preamble_absent": Question(
        found="This file holds DICOM elements without the beginning of a DICOM file",
        needed="Please export it again as a DICOM file (Part 10)",
    ),
    "not_a_file": Question(
        found="This is a link or a device, not a file",
        needed="Nothing, unless a file was meant: then please send the file itself",
        asked=Asked.NOBODY,
    ),
    "unreadable": Question(
        found="This file or folder cannot be opened",
        needed="Grant the right to read it, then run the delivery again",
        asked=Asked.DATA_MANAGER,
    ),
    "archive_broken": Question(
        found="This archive is cut short, damaged or of an unknown kind",
        needed="Please send it again, or the files without an archive",
    ),
    "archive_unsafe": Question(
        found="This archive is locked, nested too deep, too large or names files outside of it",
        needed="Please send the files without an archive, or in one plain zip",
    ),
    "parse_limit": Question(
        found="Reading this file took more memory or time than any sound file needs",
        needed="Please check that it is whole and send it again",
    ),
    "header_cut": Question(
        found="The header of an image of this series is cut short or damaged",
        needed=_AGAIN,
    ),
    "pixels_truncated": Question(
        found="An image of this series holds fewer pixels than it declares",
        needed=_AGAIN,
    ),
    "pixels_undecodable": Question(
        found="The compressed pixels of this series cannot be decoded",
        needed="Please export it without compression (Explicit VR Little Endian)",
    ),
    "decoders_disagree": Question(
        found="Two decoders read different values from the compressed pixels of this series",
        needed="Please export it without compression (Explicit VR Little Endian)",
    ),
    "unsupported_class": Question(
        found="These are no original CT or MR images (a scout, a report, a derived image)",
        needed="Nothing, unless these were meant: then please send the original images",
        asked=Asked.NOBODY,
    ),
    "unsupported_layout": Question(
        found="These images are stored in a way that no original CT or MR is (colour, odd depth)",
        needed="Nothing, unless these were meant: then please send the original images",
        asked=Asked.NOBODY,
    ),
    "lossy_pixels": Question(
        found="These images were compressed with loss; their volume cannot enter the endpoint",
        needed="Please send the images from before compression, from the scanner or its archive",
    ),
    "size_beyond_scanner": Question(
        found="An image or a series is larger than any scanner makes",
        needed="Please check that the export is whole and send it again",
    ),
    "mixed_patients": Question(
        found="One series holds images of two patients, or of two birth dates or sexes",
        needed="Please find out whose images these are, at once, and send each patient's own",
    ),
    "mixed_frame_of_reference": Question(
        found="The slices of this series were not acquired in one position of the patient",
        needed=_ORIGINAL,
    ),
    "mixed_matrix": Question(
        found="The slices of this series differ in size or in pixel spacing", needed=_ORIGINAL
    ),
    "duplicate_position": Question(
        found="Two slices of this series lie at one position",
        needed="Please send each acquisition as a series of its own",
    ),
    "duplicate_uid": Question(
        found="Different images carry one identifier, or a resend differs from the first delivery",
        needed="Please tell us which of them are right, and why they differ",
    ),
    "missing_slice": Question(found="At least one slice is missing in this series", needed=_AGAIN),
    "too_few_slices": Question(
        found="This series has fewer than two slices",
        needed="Nothing, unless a whole series was meant: then please send all of it",
        asked=Asked.NOBODY,
    ),
    "geometry_absent": Question(
        found="The images of this series do not say where they lie", needed=_ORIGINAL
    ),
    "spacing_invalid": Question(
        found="The pixel spacing of this series is not two positive numbers",
        needed="Please export it again; a decimal comma instead of a point is a usual cause",
    ),
    "positions_not_a_line": Question(
        found="The slices of this series shift sideways against each other", needed=_ORIGINAL
    ),
    "rescale_invalid": Question(
        found="The numbers that turn pixel values into measured ones are absent or impossible",
        needed=_ORIGINAL,
    ),
    "b_value_unknown": Question(
        found="The diffusion images of this series carry no b-value",
        needed="Please tell us the b-value of each image, or export them with their private data",
    ),
    "adc_unit_unknown": Question(
        found="The values of this ADC map fit no unit", needed="Please tell us its unit"
    ),
    "subject_unknown": Question(
        found="The study carries no patient identifier, or one that the subjects file lacks",
        needed="Add a row for it to the subjects file, or ask the site whose study it is",
        asked=Asked.DATA_MANAGER,
    ),
    "code_identifying": Question(
        found="The patient's subject code holds an identifier, a date or a name of the patient",
        needed="Ask the trial for another code and put it into the subjects file",
        asked=Asked.DATA_MANAGER,
    ),
    "visit_unknown": Question(
        found="It cannot be told which visit of the trial this study is",
        needed="Name its visit, or 'none', in a row of the subjects file with its "
        "study_instance_uid; ask the site when in doubt",
        asked=Asked.DATA_MANAGER,
    ),
    "not_a_visit": Question(
        found="The subjects file says that this study is no visit of the trial",
        needed="Nothing",
        asked=Asked.NOBODY,
    ),
    "no_usable_series": Question(
        found="None of the series of this study can be measured",
        needed="Please send the series of the protocol, if they were made",
    ),
    "outside_acquisition_limits": Question(
        found="This series was not acquired within the limits of the trial",
        needed="Please tell us whether another series was made, and send it",
    ),
    "grids_differ": Question(
        found="Images that belong together (DWI, ADC, b0) lie on different grids",
        needed="Please send the ADC map and the b0 of the same acquisition",
    ),
    "head_not_found": Question(
        found="No head was found in these images",
        needed="Please check whether this is the head of the patient",
    ),
    "burned_in_text": Question(
        found="Text or marks are written into the pixels of this series",
        needed="Please send the original images, without annotations in the pixels",
    ),
    "deface_not_proved": Question(
        found="The face could not be taken off without touching what is measured",
        needed="Look at the case, or run it without --deface",
        asked=Asked.DATA_MANAGER,
    ),
    "image_invalid": Question(
        found="Voxels and geometry of this image make no image", needed=_ORIGINAL
    ),
    "leak_found": Question(
        found="An identifying text was found in results, or they could not be searched for one",
        needed="See 'withdrawn' in the vault folder, and report it",
        asked=Asked.DATA_MANAGER,
    ),
    "time_limit": Question(
        found="Measuring took longer than the trial's limits give a case",
        needed="Look at the images; where they are in order, raise limits.case_minutes",
        asked=Asked.DATA_MANAGER,
    ),
    "memory_limit": Question(
        found="Measuring needs more memory than a worker has",
        needed="Run the delivery again with fewer workers, or on a larger machine",
        asked=Asked.DATA_MANAGER,
    ),
    "worker_died": Question(
        found="The process that measured this case ended twice",
        needed="Run the delivery again with fewer workers; when that does not help, report it",
        asked=Asked.DATA_MANAGER,
    ),
    "disk_failed": Question(
        found="A disk failed twice while this case was measured",
        needed="Have the disk looked at, then run the delivery again",
        asked=Asked.DATA_MANAGER,
    ),
    "internal_error": Question(
        found="corelab failed on this case",
        needed="Report it with the details that the vault holds",
        asked=Asked.DEVELOPERS,
    ),
}
