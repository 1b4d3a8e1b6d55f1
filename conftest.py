# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Imports the package sandbox before pytest can take the directory of that name for it, and lets Ctrl-C be tested."""

import signal

import sandbox

__all__ = ["sandbox"]

# A shell starts what runs in the background with Ctrl-C ignored, and programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
