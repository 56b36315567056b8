// SPDX-License-Identifier: MIT
#include "tests/conformance/executors.hpp"

namespace flagship::test {
void PrintTo(Kind kind, std::ostream* out) {
  *out << (kind == Kind::inline_ ? "Inline" : kind == Kind::threads ? "Threads" : "Processes");
}

INSTANTIATE_TEST_SUITE_P(On, ConformanceEverywhere,
                         testing::Values(Kind::inline_, Kind::threads, Kind::processes),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(On, ConformancePools, testing::Values(Kind::threads, Kind::processes),
                         testing::PrintToStringParamName());

}  // namespace flagship::test
