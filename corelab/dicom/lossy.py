"""Whether an image lost values to compression, now or ever before."""

from __future__ import annotations

from pathlib import Path

from corelab.dicom import syntax
from corelab.dicom.codestream import Stream, bare, read_stream
from corelab.dicom.element import Elements
from corelab.dicom.extent import walk_fragments
from corelab.dicom.parse import Parsed
from corelab.dicom.source import open_source

LOSSY, NOT_LOSSY = "01", "00"
_HEAD_BYTES = 4096
_TABLE_AND_FRAME = 2


def is_lossy(path: Path, parsed: Parsed, elements: Elements) -> bool:
    """Whether the pixels of an object were ever compressed with loss.

    Lossy Image Compression (0028,2110) "01" settles it: it is never taken back, whatever the
    image is packed in now (PS3.3, C.7.6.1.1.5). Otherwise:

    - A lossless syntax is lossless unless the stream is proof of the contrary: the 9-7 wavelet
      in JPEG 2000 (.90, .201, .202), NEAR above 0 in JPEG-LS (.80).
    - A syntax that allows loss (.50, .51, .81, .91, .203) is lossy by that declaration
      (PS3.5, A.4), unless the header says "00" and the stream is reversible. The 5-3 wavelet
      alone is no proof, since its last bit planes may have been cut away; nor is "00" alone.

    Parameters
    ----------
    path, parsed, elements
        The file and what was read of it; only the first frame's markers are looked at.
    """
    declared = elements.text("LossyImageCompression")
    uid = parsed.transfer_syntax_uid
    if declared == LOSSY or uid not in syntax.DECODERS:
        return declared == LOSSY
    stream = _first_stream(path, parsed)
    if uid in syntax.LOSSY_BY_NAME:
        is_proven = stream is not None and stream.is_reversible
        return not (declared == NOT_LOSSY and is_proven)
    return stream is not None and not stream.is_reversible


def _first_stream(path: Path, parsed: Parsed) -> Stream | None:
    """Characteristics of the first frame; ``None`` where it does not tell, as RLE does not."""
    if parsed.pixels is None or parsed.transfer_syntax_uid == syntax.RLE:
        return None
    with open_source(path) as file:
        items, _ = walk_fragments(file, parsed.pixels.offset, parsed.size, most=_TABLE_AND_FRAME)
        if len(items) < _TABLE_AND_FRAME:
            return None
        offset, length = items[1]
        file.seek(offset)
        head = file.read(min(length, _HEAD_BYTES))
    try:
        return read_stream(bare(head))
    except ValueError:
        return None
