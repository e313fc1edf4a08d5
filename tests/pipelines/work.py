"""What workers do in the engine's tests: importable by a process of its own."""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from pathlib import Path


def double(number: int) -> int:
    """Twice a number; one number is refused."""
    if number == 13:
        raise ValueError("13 is refused")
    return 2 * number


def die(number: int) -> int:
    """Give the number back; one number takes its worker down."""
    if number == 3:
        os._exit(139)
    return number


def threads(_: int) -> set[str | None]:
    """How many threads numerical libraries may use."""
    import SimpleITK as sitk  # noqa: N813, PLC0415 - in a worker only

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    itk = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    return {str(itk), *(os.environ.get(name) for name in names)}


def memory_bytes(_: int) -> int:
    """How much memory this worker may take."""
    from distributed import get_worker  # noqa: PLC0415 - in a worker only

    return int(get_worker().memory_manager.memory_limit)


def tell(name: str) -> str:
    """Say a name in every way that a library has."""
    print(name)  # noqa: T201 - what a library may do
    os.write(1, name.encode())
    os.write(2, name.encode())
    sys.stderr.write(name)
    warnings.warn(name, stacklevel=1)
    return name


def working_folder(_: int) -> str:
    """Where this worker puts what does not fit into memory."""
    from distributed import get_worker  # noqa: PLC0415 - in a worker only

    return str(Path(get_worker().local_directory).resolve())


def slow_double(number: int) -> int:
    """Twice a number, after a while."""
    time.sleep(0.1)
    return 2 * number


def key(_: str) -> str:
    """Name under which the scheduler knows this task."""
    from distributed import get_worker  # noqa: PLC0415 - in a worker only

    return str(get_worker().get_current_task())


def keep_the_interpreter(path: str) -> None:
    """Say which process this is, then compute for ever in a library that never lets go."""
    Path(path).write_text(str(os.getpid()))
    re.fullmatch("(a|aa)+b", "a" * 60)


def is_imported(name: str) -> bool:
    """Whether this worker has a module already."""
    return name in sys.modules
