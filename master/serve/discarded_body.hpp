// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>

namespace flagship::serve {

/// A Beast Body for requests: read to its end, so that the next request can be found, and kept
/// nowhere.
struct DiscardedBody {
  struct value_type {};

  class reader {
   public:
    template <bool is_request, typename Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type&) {}

    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) {
      error = {};
    }

    template <typename Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      return boost::asio::buffer_size(buffers);
    }

    void finish(boost::system::error_code& error) { error = {}; }
  };
};

}  // namespace flagship::serve
