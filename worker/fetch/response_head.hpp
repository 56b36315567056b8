// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flagship::fetch {

/// What is read from the head of a response, line by line, more strictly than libcurl does: it lets
/// through heads cut short and lengths that contradict each other. Heads of interim responses (1xx)
/// are passed over.
class ResponseHead {
 public:
  static constexpr std::size_t kMaxBytes = 256 * 1024;

  void clear();
  /// Takes one line with its end. Lines after the head (trailers) are counted and nothing else.
  void add(std::string_view line);

  bool begun() const { return bytes_ > 0; }
  /// The empty line at the end came.
  bool complete() const { return part_ == Part::body; }
  bool too_long() const { return bytes_ > kMaxBytes; }
  /// What is wrong with the way in which the body's length is told; empty: nothing.
  const std::string& fault() const { return fault_; }

  unsigned status() const { return status_; }
  /// It came by HTTP/2.
  bool http2() const { return http2_; }
  const std::string& phrase() const { return phrase_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  /// The body's length follows from its encoding, and Content-Length says nothing about it.
  bool encoded() const { return encoded_; }
  /// Lower case, without parameters.
  const std::string& media_type() const { return media_type_; }
  const std::string& location() const { return location_; }
  const std::string& retry_after() const { return retry_after_; }
  /// Of these, what no server should send is as if it had not come.
  const std::string& etag() const { return etag_; }
  const std::string& last_modified() const { return last_modified_; }
  const std::string& date() const { return date_; }
  const std::string& content_range() const { return content_range_; }
  /// Lower case; several are separated by commas.
  const std::string& content_encoding() const { return content_encoding_; }
  /// X-Robots-Tag; several are separated by line ends.
  const std::string& robots_tag() const { return robots_tag_; }

 private:
  enum class Part { status_line, fields, body };

  void status_line(std::string_view line);
  void field(std::string_view line);
  std::string* place_of(std::string_view name);
  void other_field(std::string_view name, std::string_view value);
  void robots(std::string_view value);
  void length(std::string_view value);
  void end_of_fields();
  void forget_message();

  Part part_ = Part::status_line;
  std::size_t bytes_ = 0;
  unsigned status_ = 0;
  bool http2_ = false;
  bool encoded_ = false;
  bool framing_field_before_ = false;
  std::optional<std::uint64_t> content_length_;
  std::string phrase_, media_type_, location_, retry_after_, fault_;
  std::string etag_, last_modified_, date_, content_range_, content_encoding_, robots_tag_;
};

}  // namespace flagship::fetch
