// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace flagship::fetch {

/// The directive by which a server asks `agent`, or every robot, not to take its answer: noai,
/// noimageai, noindex, noimageindex or none, in any case. `lines`: the values of its X-Robots-Tag
/// lines, separated by line ends; one may name the robot that it is for ("agent: noindex"). Empty:
/// there is none.
std::string_view refusing_directive(std::string_view lines, std::string_view agent);

}  // namespace flagship::fetch
