# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A module whose name other charms use too."""

NAME = "probe"
