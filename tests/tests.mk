# SPDX-License-Identifier: GPL-2.0-or-later
# What `make check` and `make bench` run. Included by the Makefile.
