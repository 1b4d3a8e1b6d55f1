# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Imports the package sandbox before pytest can take the directory of that name for it."""

import sandbox

__all__ = ["sandbox"]
