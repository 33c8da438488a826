"""What a script can see of how it was started, as JSON. It does not import discord."""

import json
import os
import pickle
import signal
import sys
import threading
import warnings


class Pickled:
    pass


def main() -> None:
    this = sys.modules["__main__"]
    own = globals()
    print(
        json.dumps(
            {
                "__file__": __file__,
                "__name__": __name__,
                "__package__": __package__,
                "__spec__": repr(__spec__).partition(" object at ")[0],
                "__loader__": type(own["__loader__"]).__name__,
                "__cached__": own.get("__cached__"),
                "__builtins__": type(own["__builtins__"]).__name__,
                "names of the module": sorted(own),
                "is __main__": vars(this) is own,
                "pickled": type(pickle.loads(pickle.dumps(Pickled()))) is Pickled,
                "argv": sys.argv,
                "path": sys.path,
                "folder beside it": sorted(os.listdir(os.path.dirname(os.path.abspath(sys.argv[0])) or ".")),
                "working directory": os.getcwd(),
                "executable": sys.executable,
                "flags": repr(sys.flags),
                "-X": sorted(sys._xoptions),
                "warn options": sys.warnoptions,
                "warning filters": repr(warnings.filters),
                "threads": threading.active_count(),
                "signals": {
                    str(number): repr(signal.getsignal(number)).partition(" at ")[0]
                    for number in signal.valid_signals()
                },
                "excepthook": sys.excepthook is sys.__excepthook__,
                "frames below": sys._getframe(1).f_back is None,
                "ours": sorted(
                    name for name in sys.modules if name.partition(".")[0] in ("slashspan", "opentelemetry", "discord")
                ),
                "standard streams": [repr(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
                "environment": {
                    name: value
                    for name, value in os.environ.items()
                    if name not in ("PYTHONPATH", "_SLASHSPAN_RUN_SERVICE", "_", "SHLVL", "LC_CTYPE")
                },
            },
            sort_keys=True,
        )
    )


if __name__ == "__main__":
    main()
