"""What a folder of ours says of itself (BIDS, dataset_description.json)."""

from __future__ import annotations

from corelab.store.files import Json

BIDS_VERSION = "1.11.1"


def description(name: str, software_version: str) -> dict[str, Json]:
    """Content of ``dataset_description.json``.

    Parameters
    ----------
    name
        Of the whole.
    software_version
        Of corelab.
    """
    return {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "corelab", "Version": software_version}],
    }
