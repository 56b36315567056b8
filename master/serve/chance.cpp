// SPDX-License-Identifier: MIT
#include "master/serve/chance.hpp"

#include <stdexcept>

namespace flagship::serve {
namespace {

using std::chrono::microseconds;

const Options& checked(const Options& options) {
  if (options.delay_min.count() < 0 || options.delay_min > options.delay_max) {
    throw std::invalid_argument("The shortest delay must be between zero and the longest.");
  }
  // Written so that a NaN fails too.
  if (!(options.error_rate >= 0 && options.error_rate <= 1)) {
    throw std::invalid_argument("The error rate must be between 0 and 1.");
  }
  if (options.fault.kind == Fault::Kind::status && options.fault.statuses.empty()) {
    throw std::invalid_argument("A status fault needs a status.");
  }
  return options;
}

// A fault without a rate hits every request.
double rate(const Options& options) {
  return options.fault.kind != Fault::Kind::none && options.error_rate == 0 ? 1
                                                                            : options.error_rate;
}

Fault fault_or_teapot(const Fault& fault) {
  return fault.kind == Fault::Kind::none ? Fault{Fault::Kind::status, {418}} : fault;
}

}  // namespace

Chance::Chance(const Options& options)
    : delay_(microseconds(checked(options).delay_min).count(),
             microseconds(options.delay_max).count()),
      fails_(rate(options)),
      fault_(fault_or_teapot(options.fault)) {}

microseconds Chance::delay() { return microseconds(delay_(random_)); }

Fault::Kind Chance::fault() { return fails_(random_) ? fault_.kind : Fault::Kind::none; }

int Chance::status() {
  std::uniform_int_distribution<std::size_t> any(0, fault_.statuses.size() - 1);
  return fault_.statuses[any(random_)];
}

}  // namespace flagship::serve
