"""Imported by Python at its start, when `slashspan run` has put this folder on PYTHONPATH.

It imports no library and nothing of ours, so that a bot which sets logger classes, event loop policies, warning filters
or patches before it imports discord finds an unmodified Python. Recording starts with the first import of discord.
Another `sitecustomize` further down the path runs as usual.
"""

import atexit
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


class FirstImport:
    """A finder at the head of `sys.meta_path` that starts recording once discord has been imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "discord":
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader):
        """Start after `loader` has executed its module. The loader belongs to this import alone, and is restored."""
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module):
            del loader.exec_module
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                if "slashspan.telemetry.cli" not in sys.modules:  # a `slashspan` command that the bot runs is not a bot
                    start()

        loader.exec_module = exec_module


def start():
    try:
        from slashspan.telemetry.setup import autostart
    except ImportError as error:  # a child process of the bot may run in another environment
        sys.stderr.write("slashspan: process %d is not recorded: %s\n" % (os.getpid(), error))
        return
    # Under `slashspan run` the table was created or checked before the bot was started.
    autostart.start(check_store=__name__ != "sitecustomize")


def end():
    """Registered before the bot's own handlers, so called after them."""
    autostart = sys.modules.get("slashspan.telemetry.setup.autostart")
    if autostart is not None:
        autostart.end()


def run_the_next_sitecustomize():
    """Import as if this folder were not on the path."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != FOLDER]
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", this)


if sys.version_info >= (3, 10):
    atexit.register(end)
    if "slashspan.telemetry.setup.autostart" not in sys.modules:
        sys.meta_path.insert(0, FirstImport())
if __name__ == "sitecustomize":  # and not loaded by slashspan's distro
    run_the_next_sitecustomize()
