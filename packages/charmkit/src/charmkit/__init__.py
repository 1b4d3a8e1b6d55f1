# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the charms share: desired state, its application through Pebble, secrets, templates, interfaces."""
