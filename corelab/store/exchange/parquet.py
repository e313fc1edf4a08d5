"""Parquet, uncompressed: the leak audit must be able to read every byte."""

from __future__ import annotations

import io

from corelab.store.column import CellType
from corelab.store.exchange.sheet import Sheet

_ALIAS = {CellType.TEXT: "string", CellType.NUMBER: "float64", CellType.INTEGER: "int64"}


def to_parquet(sheet: Sheet) -> bytes:
    """Bytes of a Parquet file whose columns carry label and unit, the same for the same sheet."""
    import pyarrow as pa  # noqa: PLC0415 - slow, and a batch writes its tables last
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    types = [pa.type_for_alias(_ALIAS[variable.type]) for variable in sheet.variables]
    schema = pa.schema(
        [
            pa.field(v.name, type_, metadata={"label": v.label, "unit": v.unit or ""})
            for v, type_ in zip(sheet.variables, types, strict=True)
        ]
    )
    columns = map(sheet.column, sheet.variables)
    arrays = [pa.array(c, type=type_) for c, type_ in zip(columns, types, strict=True)]
    sink = io.BytesIO()
    table = pa.table(arrays, schema=schema)
    pq.write_table(table, sink, compression="none", use_dictionary=False)
    return sink.getvalue()
