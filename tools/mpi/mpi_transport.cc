// An ensemble over MPI, as a library of its own: programs open it where mpirun has started them
// (common/ensemble.h), and link nothing of it.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <mpi.h>
#include <sched.h>
#include <thread>
#include <utility>
#include <vector>

#include "common/mpi_entry.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPassed = 1;  // the tag of pass()

// Who waits looks again and again for so long, which is as much as processes with cores of their
// own wait for each other. Then he sleeps: what he waits for may need his core, or others may. (A
// core that is given away by sched_yield() where others are busy comes back after milliseconds; one
// who wakes up has it at once.) Orders may be long in coming: process 0 may be waiting for somebody
// to type.
constexpr std::chrono::microseconds kAwake{100};
constexpr std::chrono::microseconds kNap{20};
constexpr std::chrono::milliseconds kLong{2};
constexpr std::chrono::microseconds kLongNap{200};

class MpiTransport final : public EnsembleTransport {
 public:
  explicit MpiTransport(MpiSay say) : say_(std::move(say)) {
    int provided = 0;
    // Looking is not to give the core away either (wait_for).
    ::setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    starts_.resize(static_cast<std::size_t>(size_));
    counts_.resize(starts_.size());
    if (provided < MPI_THREAD_SERIALIZED) abort(6, "this MPI library serves one thread alone");
    find_sharers();
  }
  ~MpiTransport() override { MPI_Finalize(); }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return size_; }

  // Processes of this machine that may use the same cores as this one, itself included.
  int sharers() const noexcept { return sharers_; }

  void broadcast(std::span<std::byte> bytes, bool idle) noexcept override {
    if (idle) return pass_on(bytes);
    while (!bytes.empty()) {
      const std::size_t count = std::min<std::size_t>(bytes.size(), INT_MAX);
      MPI_Request request = MPI_REQUEST_NULL;
      MPI_Ibcast(bytes.data(), static_cast<int>(count), MPI_BYTE, 0, MPI_COMM_WORLD, &request);
      wait_for(request);
      bytes = bytes.subspan(count);
    }
  }

  void gather(std::span<std::byte> all, std::span<const std::int64_t> counts,
              bool first_only) noexcept override {
    int at = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      starts_[i] = at;
      counts_[i] = static_cast<int>(counts[i]);
      at += counts_[i];
    }
    const auto self = static_cast<std::size_t>(rank_);
    MPI_Request request = MPI_REQUEST_NULL;
    if (!first_only) {
      MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_BYTE, all.data(), counts_.data(), starts_.data(),
                      MPI_BYTE, MPI_COMM_WORLD, &request);
    } else if (rank_ == 0) {
      MPI_Igatherv(MPI_IN_PLACE, 0, MPI_BYTE, all.data(), counts_.data(), starts_.data(), MPI_BYTE,
                   0, MPI_COMM_WORLD, &request);
    } else {
      MPI_Igatherv(all.data() + starts_[self], counts_[self], MPI_BYTE, nullptr, nullptr, nullptr,
                   MPI_BYTE, 0, MPI_COMM_WORLD, &request);
    }
    wait_for(request);
  }

  void pass(std::span<std::byte> bytes, int from, int to) noexcept override {
    while (!bytes.empty()) {
      const std::size_t count = std::min<std::size_t>(bytes.size(), INT_MAX);
      MPI_Request request = MPI_REQUEST_NULL;
      if (rank_ == from) {
        MPI_Isend(bytes.data(), static_cast<int>(count), MPI_BYTE, to, kPassed, MPI_COMM_WORLD,
                  &request);
      } else {
        MPI_Irecv(bytes.data(), static_cast<int>(count), MPI_BYTE, from, kPassed, MPI_COMM_WORLD,
                  &request);
      }
      wait_for(request);
      bytes = bytes.subspan(count);
    }
  }

  [[noreturn]] void abort(int status, const std::string& sentence) noexcept override {
    say_(status, sentence);
    MPI_Abort(MPI_COMM_WORLD, status);
    std::abort();
  }

 private:
  void find_sharers() {
    MPI_Comm here = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    int count = 0;
    MPI_Comm_size(here, &count);
    cpu_set_t own;
    CPU_ZERO(&own);
    ::sched_getaffinity(0, sizeof(own), &own);
    std::vector<cpu_set_t> all(static_cast<std::size_t>(count));
    MPI_Allgather(&own, sizeof(own), MPI_BYTE, all.data(), sizeof(own), MPI_BYTE, here);
    MPI_Comm_free(&here);
    sharers_ = static_cast<int>(std::count_if(
        all.begin(), all.end(), [&](const cpu_set_t& other) { return CPU_EQUAL(&other, &own); }));
    // Where they are more than cores, what is waited for needs this one.
    awake_ = sharers_ <= CPU_COUNT(&own) ? kAwake : std::chrono::microseconds(0);
  }

  // As broadcast(), but that the others need not be there.
  void pass_on(std::span<std::byte> bytes) noexcept {
    const auto count = static_cast<int>(bytes.size());
    if (rank_ == 0) {
      for (int to = 1; to < size_; ++to) {
        MPI_Send(bytes.data(), count, MPI_BYTE, to, 0, MPI_COMM_WORLD);
      }
      return;
    }
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Irecv(bytes.data(), count, MPI_BYTE, 0, 0, MPI_COMM_WORLD, &request);
    wait_for(request);
  }

  void wait_for(MPI_Request& request) const noexcept {
    const Clock::time_point start = Clock::now();
    for (;;) {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return;
      const Clock::duration waited = Clock::now() - start;
      if (waited < awake_) continue;
      std::this_thread::sleep_for(waited < kLong ? kNap : kLongNap);
    }
  }

  MpiSay say_;
  int rank_ = 0;
  int size_ = 1;
  int sharers_ = 1;
  std::chrono::microseconds awake_ = kAwake;
  std::vector<int> starts_, counts_;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void lathe_join_mpi(const MpiSay* say,
                                                                      MpiJoined* out) {
  auto transport = std::make_unique<MpiTransport>(*say);
  out->sharers = transport->sharers();
  out->transport = std::move(transport);
}

}  // namespace lathe::tool
