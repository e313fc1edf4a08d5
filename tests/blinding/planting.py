"""Real files of each kind with one text planted in them."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from nibabel.nifti1 import Nifti1Extension
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PNG_MARK = b"\x89PNG\r\n\x1a\n"
Plant = Callable[[Path, bytes], None]


def image(shape: tuple[int, int, int] = (4, 4, 4)) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.full(shape, 40, np.int16), np.eye(4))


def nifti_header(path: Path, text: bytes) -> None:
    made = image()
    made.header["descrip"] = text[:79]
    nib.save(made, path)


def nifti_extension(path: Path, text: bytes) -> None:
    made = image()
    made.header.extensions.append(Nifti1Extension("comment", text))
    nib.save(made, path)


def nifti_2_extension(path: Path, text: bytes) -> None:
    made = nib.Nifti2Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    made.header.extensions.append(Nifti1Extension("comment", text))
    nib.save(made, path)


def nifti_voxels(path: Path, text: bytes) -> None:
    made = image((64, 64, 8))
    data = bytearray(made.to_bytes())
    data[20_001 : 20_001 + len(text)] = text
    path.write_bytes(gzip.compress(bytes(data), mtime=0))


def after_the_voxels(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(image().to_bytes() + text, mtime=0))


def gzip_name(path: Path, text: bytes) -> None:
    packed = gzip.compress(b"clean", mtime=0)
    path.write_bytes(packed[:3] + b"\x08" + packed[4:10] + text + b"\0" + packed[10:])


def gzip_comment(path: Path, text: bytes) -> None:
    packed = gzip.compress(b"clean", mtime=0)
    path.write_bytes(packed[:3] + b"\x10" + packed[4:10] + text + b"\0" + packed[10:])


def gzip_extra(path: Path, text: bytes) -> None:
    packed = gzip.compress(b"clean", mtime=0)
    field = b"AP" + struct.pack("<H", len(text)) + text
    extra = struct.pack("<H", len(field)) + field
    path.write_bytes(packed[:3] + b"\x04" + packed[4:10] + extra + packed[10:])


def gzip_second_member(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(b"clean", mtime=0) + gzip.compress(text, mtime=0))


def gzip_in_gzip(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(gzip.compress(text, mtime=0), mtime=0))


def after_the_gzip(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(b"clean", mtime=0) + text)


def bzip2(path: Path, text: bytes) -> None:
    path.write_bytes(bz2.compress(text))


def xz(path: Path, text: bytes) -> None:
    path.write_bytes(lzma.compress(text))


def tar_member(path: Path, text: bytes) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.txt.gz")
        packed = gzip.compress(text, mtime=0)
        info.size = len(packed)
        archive.addfile(info, io.BytesIO(packed))


def zip_member(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", text)


def zip_comment(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "clean")
        archive.comment = text


def zip_in_zip(path: Path, text: bytes) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.txt", text)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.zip", inner.getvalue())


def png(info: PngInfo | None = None, size: int = 8) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (size, size)).save(stream, format="PNG", pnginfo=info)
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_chunk(kind: bytes, body: bytes) -> bytes:
    whole = png()
    return whole[:33] + png_chunk(kind, body) + whole[33:]


def png_text(path: Path, text: bytes) -> None:
    path.write_bytes(with_chunk(b"tEXt", b"Comment\0" + text))


def png_packed_text(path: Path, text: bytes) -> None:
    path.write_bytes(with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text)))


def png_unicode_text(path: Path, text: bytes) -> None:
    body = b"Comment\0\1\0en\0Note\0" + zlib.compress(text)
    path.write_bytes(with_chunk(b"iTXt", body))


def png_exif(path: Path, text: bytes) -> None:
    path.write_bytes(with_chunk(b"eXIf", b"II*\0\x08\0\0\0" + text))


def after_the_png(path: Path, text: bytes) -> None:
    path.write_bytes(png() + text)


def png_pixels(path: Path, text: bytes) -> None:
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    unfiltered = bytearray(64 * 65)
    unfiltered[651 : 651 + len(text)] = text
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(unfiltered)), (b"IEND", b""))
    path.write_bytes(PNG_MARK + b"".join(png_chunk(*chunk) for chunk in chunks))


def jpeg_comment(path: Path, text: bytes) -> None:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, format="JPEG", comment=text)
    path.write_bytes(stream.getvalue())


def after_the_jpeg(path: Path, text: bytes) -> None:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, format="JPEG")
    path.write_bytes(stream.getvalue() + text)


def webp_metadata(path: Path, text: bytes) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, format="WEBP", xmp=text)
    path.write_bytes(stream.getvalue())


def pdf(path: Path, shown: str, title: str) -> None:
    figure = Figure()
    figure.text(0.1, 0.5, shown)
    with mpl.rc_context({"pdf.fonttype": 3}):
        figure.savefig(path, format="pdf", metadata={"Title": title, "CreationDate": None})


def pdf_text(path: Path, text: bytes) -> None:
    pdf(path, text.decode(), "clean")


def pdf_title(path: Path, text: bytes) -> None:
    pdf(path, "clean", text.decode())


def parquet_value(path: Path, text: bytes) -> None:
    table = pa.table({"note": [text.decode()] * 3})
    pq.write_table(table, path, compression="zstd", use_dictionary=True, write_statistics=False)


def parquet_metadata(path: Path, text: bytes) -> None:
    schema = pa.schema([pa.field("a", pa.int64())], metadata={"note": text.decode()})
    pq.write_table(pa.table({"a": [1]}, schema=schema), path)


def sqlite_value(path: Path, text: bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE note (body)")
    connection.execute("INSERT INTO note VALUES (?)", (text.decode(),))
    connection.commit()
    connection.close()


def sqlite_packed(path: Path, text: bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE note (body)")
    connection.execute("INSERT INTO note VALUES (?)", (gzip.compress(text, mtime=0),))
    connection.commit()
    connection.close()


def sqlite_deleted(path: Path, text: bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE note (body)")
    connection.executemany("INSERT INTO note VALUES (?)", [("kept",), (text.decode(),)])
    connection.commit()
    connection.execute("DELETE FROM note WHERE body <> 'kept'")
    connection.commit()
    connection.close()


def json_value(path: Path, text: bytes) -> None:
    path.write_text(json.dumps({"a": {"b": [1, text.decode()]}}))


def json_key(path: Path, text: bytes) -> None:
    path.write_text(json.dumps({text.decode(): 1}))


def broken_json(path: Path, text: bytes) -> None:
    path.write_bytes(b'{"a": "' + text)


def csv_cell(path: Path, text: bytes) -> None:
    path.write_bytes(b'a,b\n1,"' + text + b'"\n')


def page_text(path: Path, text: bytes) -> None:
    path.write_bytes(b"<!doctype html><p>seen</p><p>" + text + b"</p>")


def page_attribute(path: Path, text: bytes) -> None:
    path.write_bytes(b'<!doctype html><img alt="' + text + b'">')


def picture_in_a_page(path: Path, text: bytes) -> None:
    picture = with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text))
    coded = base64.b64encode(picture)
    path.write_bytes(b'<!doctype html><img src="data:image/png;base64,' + coded + b'">')


def log_line(path: Path, text: bytes) -> None:
    path.write_bytes(b"INFO 3 files\nINFO seen " + text + b" today\n")


def binary(path: Path, text: bytes) -> None:
    path.write_bytes(bytes(range(256)) * 40 + b"\0" + text + b"\0" + bytes(range(256)) * 40)


PLANTS: dict[str, Plant] = {
    "header.nii.gz": nifti_header,
    "header.nii": nifti_header,
    "extension.nii.gz": nifti_extension,
    "extension-2.nii.gz": nifti_2_extension,
    "voxels.nii.gz": nifti_voxels,
    "behind.nii.gz": after_the_voxels,
    "name.gz": gzip_name,
    "comment.gz": gzip_comment,
    "extra.gz": gzip_extra,
    "second.gz": gzip_second_member,
    "gzip-in-gzip.gz": gzip_in_gzip,
    "behind.gz": after_the_gzip,
    "packed.bz2": bzip2,
    "packed.xz": xz,
    "member.tar": tar_member,
    "member.zip": zip_member,
    "comment.zip": zip_comment,
    "zip-in-zip.zip": zip_in_zip,
    "text.png": png_text,
    "packed-text.png": png_packed_text,
    "unicode-text.png": png_unicode_text,
    "exif.png": png_exif,
    "behind.png": after_the_png,
    "pixels.png": png_pixels,
    "comment.jpg": jpeg_comment,
    "behind.jpg": after_the_jpeg,
    "metadata.webp": webp_metadata,
    "text.pdf": pdf_text,
    "title.pdf": pdf_title,
    "value.parquet": parquet_value,
    "metadata.parquet": parquet_metadata,
    "value.sqlite": sqlite_value,
    "packed.sqlite": sqlite_packed,
    "deleted.sqlite": sqlite_deleted,
    "value.json": json_value,
    "key.json": json_key,
    "broken.json": broken_json,
    "cell.csv": csv_cell,
    "text.html": page_text,
    "attribute.html": page_attribute,
    "picture.html": picture_in_a_page,
    "line.log": log_line,
    "any.bin": binary,
}


def plant_name(folder: Path, name: str) -> None:
    (folder / name).mkdir()


def plant_link(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)
