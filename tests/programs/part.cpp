// SPDX-License-Identifier: MIT
// A library that is not there when the program that needs it starts.
int part() { return 1; }
