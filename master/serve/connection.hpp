// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "master/serve/chance.hpp"
#include "master/serve/site.hpp"

namespace flagship::serve {

// The concrete executor instead of asio's type-erased one: this is the hot path.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// Speaks HTTP/1.1 on the socket until either side closes it or the io_context is destroyed.
/// `site` and `chance` must outlive the io_context.
void serve_connection(Socket socket, const Site& site, Chance& chance);

}  // namespace flagship::serve
