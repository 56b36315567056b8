// SPDX-License-Identifier: MIT
// All of Flagship's library: concurrent.futures for C++, with real processes.
#pragma once

#include "flagship/error.hpp"
#include "flagship/exception.hpp"
#include "flagship/executor.hpp"
#include "flagship/future.hpp"
#include "flagship/hosts.hpp"
#include "flagship/init.hpp"
#include "flagship/initializer.hpp"
#include "flagship/map.hpp"
#include "flagship/options.hpp"
#include "flagship/outcome.hpp"
#include "flagship/serializer.hpp"
#include "flagship/task.hpp"
#include "flagship/task_context.hpp"
#include "flagship/wait.hpp"
