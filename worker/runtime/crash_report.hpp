// SPDX-License-Identifier: MIT
#pragma once

#include "common/crash_note.hpp"

namespace flagship::worker {

/// Does once, before workers are cloned, what a signal handler must not do first.
void prepare_crash_reports();

/// From here on a signal that tells of a crash leaves a note of where, and then ends this process
/// as it would have without. Whoever has a handler of his own for it keeps that. Not under a
/// sanitizer, which tells a longer story.
void report_crashes_in(CrashNote& note);

}  // namespace flagship::worker
