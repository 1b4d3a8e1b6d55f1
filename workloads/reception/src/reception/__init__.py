# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The reception: profiles for who logs in for the first time, and the controller that keeps them."""
