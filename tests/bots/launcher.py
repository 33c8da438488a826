"""Runs the plain bot like launchers do, in a thread or a process of its own; the first argument says how."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import threading

PLAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plain.py")


def run_bot() -> None:
    runpy.run_path(PLAIN, run_name="__main__")


def run_bot_after_the_main_thread() -> None:
    threading.main_thread().join()
    run_bot()


if __name__ == "__main__":
    how = sys.argv[1]
    if how == "thread":
        import discord

        threading.Thread(target=run_bot_after_the_main_thread).start()
    elif how == "subprocess":
        subprocess.run([sys.executable, PLAIN], check=True)
    else:
        if "imported" in sys.argv:
            import discord  # noqa: F401

        process = multiprocessing.get_context(how).Process(target=run_bot)  # type: ignore[attr-defined]
        process.start()
        if "terminate" in sys.argv:
            sys.stdin.readline()
            process.terminate()
        process.join()
        print("exit code", process.exitcode, flush=True)
