# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m sandbox` is the command line."""

from sandbox import cli

cli.main()
