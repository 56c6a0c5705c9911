// Several processes that compute one model together (tensor parallelism; Shoeybi et al. 2019, but
// that nothing is summed across processes).
//
// Process 0 runs the program; the others follow(): they load the models that process 0 loads, and
// take part in the steps of its sessions.
//
//   every process has rows of each matrix, and heads    q k v │ gate up     of its own rows
//   and computes these as one process would             attention           of its own heads
//   what the next product reads whole is gathered       attended, activated, o, down, logits
//
// Rows are cut between whole tiles and each is computed by the instructions that compute it alone,
// so the bits of a result are those of one process, for any number of them. Keys and values are
// those of a process's own heads, and of a mapped file it reads the pages of its own rows.
//
//   auto ensemble = std::make_shared<Ensemble>(transport);
//   if (ensemble->rank() > 0) return ensemble->follow();
//   auto model = Model::load(checkpoint, nullptr, {.ensemble = ensemble});
//   ...                              // sessions, engines and all that stands on them, as ever
//   ensemble->end();
//
// Or each process has whole layers (share_layers(); pipeline parallelism, Huang et al.
// 2019): what they make of a piece of a step goes on to the next process, and the last one's rows
// to process 0, which has the embedding and the output matrix. Nothing is gathered within a layer,
// so processes may be far from each other; they take turns, but that pieces of a long prompt are
// under way in several of them at once.
//
// What goes wrong in any process before a step is thrown by process 0; what goes wrong amid one
// ends all processes (EnsembleTransport::abort), since the others wait for what does not come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "lathe/export.h"

namespace lathe {

// How the processes reach each other. Every process calls the same members in the same order, one
// at a time but from any thread. A call that fails ends the process.
class EnsembleTransport {
 public:
  virtual ~EnsembleTransport() = default;

  virtual int rank() const noexcept = 0;  // 0 ... size() - 1
  virtual int size() const noexcept = 0;

  // The bytes of process 0 to all, as many in each. `idle`: they may be long in coming, and who
  // waits for them leaves the processor to others.
  virtual void broadcast(std::span<std::byte> bytes, bool idle) noexcept = 0;
  // Part i of `all`, of counts[i] bytes, is process i's, and lies there already in that process;
  // then all parts lie in all processes, or (`first_only`) in process 0. At most 2^30 bytes.
  virtual void gather(std::span<std::byte> all, std::span<const std::int64_t> counts,
                      bool first_only) noexcept = 0;
  // The bytes of one process to another, which has as much room for them. Called by these two
  // alone, in the same order by both. Who waits leaves the processor to others.
  virtual void pass(std::span<std::byte> bytes, int from, int to) noexcept = 0;
  // Says the sentence and ends all processes, this one with the exit status.
  [[noreturn]] virtual void abort(int status, const std::string& sentence) noexcept = 0;
};

// Thread-safe: the steps of several sessions take turns.
class LATHE_API Ensemble {
 public:
  explicit Ensemble(std::unique_ptr<EnsembleTransport> transport);
  ~Ensemble();
  Ensemble(const Ensemble&) = delete;
  Ensemble& operator=(const Ensemble&) = delete;

  int rank() const noexcept;
  int size() const noexcept;

  // Models that are loaded from now on are shared out by whole layers. Of process 0: the others
  // hear of it.
  void share_layers() noexcept;
  bool shares_layers() const noexcept;

  // Of every process but the first: does what process 0 asks for until that calls end().
  void follow() noexcept;
  // Of process 0: lets the others go. Nothing can be computed from then on.
  void end() noexcept;

  // What process 0 has sent and received so far, and in how many calls.
  struct Traffic {
    std::uint64_t calls = 0, bytes = 0;
  };
  Traffic traffic() const noexcept;

 private:
  friend class EnsembleCalls;  // of the library alone
  class State;

  std::unique_ptr<State> state_;
};

}  // namespace lathe
