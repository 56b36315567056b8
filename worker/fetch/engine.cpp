// SPDX-License-Identifier: MIT
#include "worker/fetch/engine.hpp"

namespace flagship::fetch {

class Engine::Impl {};

Engine::Engine(std::size_t, Done) {}
Engine::~Engine() = default;
int Engine::fd() const { return -1; }
void Engine::start(std::uint64_t, const v1::FetchRequest&) {}
void Engine::step() {}
std::size_t Engine::in_flight() const { return 0; }

v1::FetchResult fetch(const v1::FetchRequest&) { return {}; }

}  // namespace flagship::fetch
