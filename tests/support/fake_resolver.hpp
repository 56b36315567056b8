// SPDX-License-Identifier: MIT
#pragma once

namespace flagship::testing {

/// Answers every name look-up of this program while it lives, so that none leaves the machine:
/// "hung.test" is answered when it ends, other names that end in ".test" are 127.0.0.1, and all
/// others do not exist. One at a time. It stands in for the C library's getaddrinfo, in whatever
/// thread that is called.
class FakeResolver {
 public:
  FakeResolver();
  /// Waits for the look-ups that it let hang.
  ~FakeResolver();
  FakeResolver(const FakeResolver&) = delete;
  FakeResolver& operator=(const FakeResolver&) = delete;

  /// How many names it was asked for.
  int lookups() const;
};

}  // namespace flagship::testing
