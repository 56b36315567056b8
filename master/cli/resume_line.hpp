// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace flagship::cli {

/// The command that goes on with the run in `folder`, fit for a shell. `from_input`: its list came
/// from standard input, and has to be given again.
std::string resume_command(const std::string& folder, bool from_input);

}  // namespace flagship::cli
