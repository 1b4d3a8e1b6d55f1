# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The bundle on one machine, without Kubernetes or Juju."""
