"""What `warraq` and `python -m flows` start."""

from __future__ import annotations

import os


def main() -> None:
    try:
        from flows.cli import main as command_line
    except KeyboardInterrupt:  # before anything has begun
        os._exit(130)
    command_line()


if __name__ == "__main__":
    main()
