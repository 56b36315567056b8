// SPDX-License-Identifier: MIT
#include "common/claim.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace flagship {

std::size_t ClaimPage::bytes_for(std::size_t places) {
  return behind_outbox(places) + sizeof(detail::ChunkNotes::Shared) + sizeof(CrashNote) +
         sizeof(std::atomic<pid_t>);
}

ClaimPage ClaimPage::create(std::size_t places) {
  // Sealed: memory that a worker cut off would be a SIGBUS to whoever looks at it.
  UniqueFd fd(memfd_create("flagship-claims", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes_for(places))) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw std::system_error(errno, std::generic_category(),
                            "cannot make the claim page of a worker");
  ClaimPage page = map(fd.get(), places);
  page.fd_ = std::move(fd);
  return page;
}

ClaimPage ClaimPage::map(int fd, std::size_t places) {
  void* const at = mmap(nullptr, bytes_for(places), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(),
                            "cannot map the claim page of a worker");
  ClaimPage page;
  page.places_ = static_cast<ClaimPlace*>(at);
  page.size_ = places;
  return page;
}

ClaimPage::ClaimPage(ClaimPage&& other) noexcept
    : fd_(std::move(other.fd_)),
      places_(std::exchange(other.places_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

ClaimPage& ClaimPage::operator=(ClaimPage&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(places_, other.places_);
  std::swap(size_, other.size_);
  return *this;
}

ClaimPage::~ClaimPage() {
  if (places_ != nullptr) munmap(places_, bytes_for(size_));
}

}  // namespace flagship
