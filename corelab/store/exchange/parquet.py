"""Parquet, uncompressed: the leak audit must be able to read every byte."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from corelab.store.column import CellType
from corelab.store.exchange.sheet import Sheet, Variable

_TYPE = {
    CellType.TEXT: pa.string(),
    CellType.NUMBER: pa.float64(),
    CellType.INTEGER: pa.int64(),
}


def to_parquet(sheet: Sheet) -> bytes:
    """Bytes of a Parquet file whose columns carry label and unit, the same for the same sheet."""
    schema = pa.schema([_field(variable) for variable in sheet.variables])
    arrays = [pa.array(sheet.column(v), type=_TYPE[v.type]) for v in sheet.variables]
    sink = io.BytesIO()
    table = pa.table(arrays, schema=schema)
    pq.write_table(table, sink, compression="none", use_dictionary=False)
    return sink.getvalue()


def _field(variable: Variable) -> pa.Field:
    told = {"label": variable.label, "unit": variable.unit or ""}
    return pa.field(variable.name, _TYPE[variable.type], metadata=told)
