// SPDX-License-Identifier: MIT
// What executors have to know of the process they live in: that it may fork, and that it ends.
#pragma once

#include <memory>
#include <utility>

#include "flagship/detail/call.hpp"

namespace flagship::detail {

/// Noted when something is made: whether this is still the process that made it. In a forked child
/// the threads, sockets and workers of an executor are its parent's.
class Maker {
 public:
  Maker();
  bool is_this_process() const { return forks_ == forks_behind(); }

 private:
  static unsigned forks_behind();  // between this process and the first that made something
  unsigned forks_;
};

/// When the program exits, executors that nobody has let go of are shut down first: their calls
/// end, and they take no more. ShutdownError when it is exiting already.
void shut_down_at_exit(std::weak_ptr<ExecutorCore> core);

/// An executor's core that nobody destroys in a forked child, and that is shut down at exit.
template <class Core, class... A>
std::shared_ptr<Core> make_core(A&&... arguments) {
  std::shared_ptr<Core> core(new Core(std::forward<A>(arguments)...),
                             [maker = Maker()](Core* made) {
                               if (maker.is_this_process()) delete made;
                             });
  shut_down_at_exit(core);
  return core;
}

}  // namespace flagship::detail
