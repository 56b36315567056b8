// SPDX-License-Identifier: MIT
#include "master/serve/server.hpp"

namespace flagship::serve {

class Server::Impl {};

Server::Server(const Options&) {}
Server::~Server() = default;
std::uint16_t Server::port() const { return 0; }
std::string Server::base_url() const { return {}; }

}  // namespace flagship::serve
