# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the command line; nothing is imported before Ctrl-C ends it without a word."""

import signal


def main() -> None:
    """Run a command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sandbox import cli

    cli.main()


if __name__ == "__main__":
    main()
