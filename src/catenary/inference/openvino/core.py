"""The process's one `ov.Core`, which is never let go.

OpenVINO's plugin for processors gives the thread that first compiles a signal stack of its own, and unmaps it when the
last core and model are gone, on whichever thread that is: often one where the garbage collector ran. The next signal
then finds no stack, and Ctrl-C, which should save a checkpoint, ends the process with SIGSEGV
(`SigAltStackSetup` in src/plugins/intel_cpu/src/plugin.cpp, seen in 2026.4).
"""

from __future__ import annotations

import openvino as ov

CORE = ov.Core()
