"""Ends with its parent whichever process imports this: the worker server does, before all else."""

from __future__ import annotations

from pipelines.worker_server import die_with_parent

die_with_parent()
