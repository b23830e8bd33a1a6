// SPDX-License-Identifier: GPL-2.0-or-later
// A package has a library; what is measured is in benches.
