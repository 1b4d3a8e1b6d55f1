# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One module for each interface: what stands in its databags, old and new. Pure functions on mappings."""
