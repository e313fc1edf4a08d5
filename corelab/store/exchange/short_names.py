"""Names and labels that SAS transport version 5 has room for, by the name of the column.

Eight characters for a name and forty for a label; an empty label is that of the column itself.
"""

from __future__ import annotations

SHORT_NAMES: dict[str, tuple[str, str]] = {
    "trial_id": ("STUDYID", ""),
    "subject_code": ("SUBJCODE", ""),
    "visit": ("VISIT", ""),
    "reader": ("READER", ""),
    "stands": ("STANDS", ""),
    "modality": ("MODALITY", ""),
    "infarct_volume_ml": ("INFVOL", "Infarct volume, mL"),
    "infarct_volume_low_ml": ("INFVOLLO", "Infarct volume, low of range, mL"),
    "infarct_volume_high_ml": ("INFVOLHI", "Infarct volume, high of range, mL"),
    "haemorrhage_in_infarct_ml": ("BLOODVOL", "Blood inside the infarct, mL"),
    "n_components": ("NPIECES", ""),
    "hemisphere": ("HEMISPH", ""),
    "brain_volume_ml": ("BRAINVOL", "Brain volume, mL"),
    "voxel_volume_mm3": ("VOXVOL", "Voxel volume, mm3"),
    "slice_spacing_mm": ("SLICESPC", "Slice spacing, mm"),
    "method": ("METHOD", ""),
    "read_status": ("READSTAT", ""),
    "qc_flags": ("QCFLAGS", ""),
    "software_version": ("SWVERS", ""),
    "config_digest": ("CONFDIG", ""),
    "nwu_percent": ("NWU", "Net water uptake in HU window, %"),
    "nwu_window_hu": ("NWUWIN", "HU window of the net water uptake"),
    "nwu_unwindowed_percent": ("NWUALL", "Net water uptake without window, %"),
    "oedema_corrected_volume_ml": ("INFVOLOC", "Infarct volume less its water, mL"),
    "csf_ratio": ("CSFRATIO", "CSF, affected over healthy side"),
    "midline_shift_mm": ("MIDSHIFT", "Midline shift, mm, to the right +"),
    "hemisphere_share_percent": ("HEMSHARE", "Share of hemisphere that is infarct, %"),
    "secondary_missing": ("SECMISS", "Why secondary values are missing"),
    "hours_from_reference": ("HOURS", "Hours from the reference time"),
    "endpoint_eligible": ("ENDPOINT", ""),
    "version": ("VERSION", ""),
    "baseline_visit": ("BLVISIT", ""),
    "baseline_modality": ("BLMODAL", ""),
    "baseline_infarct_volume_ml": ("BLINFVOL", "Infarct volume at baseline, mL"),
    "growth_ml": ("GROWTH", "Infarct growth, mL"),
    "missing_reason": ("MISSWHY", ""),
    "endpoint_reason": ("ENDWHY", ""),
    "automatic_infarct_volume_ml": ("AUTOVOL", "Infarct volume, automatic, mL"),
    "purpose": ("PURPOSE", ""),
    "result": ("RESULT", ""),
    "result_reasons": ("RESULTWY", ""),
    "accepted": ("ACCEPTED", "Accepted volume rests on it"),
    "rater": ("RATER", ""),
    "verdict_number": ("VERDNUM", ""),
    "verdict": ("VERDICT", ""),
    "verdict_reasons": ("VERDWHY", ""),
    "read_id": ("READID", ""),
    "image_sha256": ("IMAGESHA", ""),
    "mask_sha256": ("MASKSHA", ""),
}

LISTS = frozenset(
    {
        "endpoint_reason",
        "missing_reason",
        "qc_flags",
        "result_reasons",
        "secondary_missing",
        "verdict_reasons",
    }
)
"""Columns that hold several words joined by a separator, so that no code list names their cells."""
