// What those who have requests (pool.h) and workers (host.h) say to each other.
//
//   Hello    ──>           who asks, and which model's answers are wanted
//            <── Welcome   the worker has it: the session that everything else belongs to
//            <── Refusal   it has another, or speaks another version
//   Row      ──>           a request
//            <── Piece     text of its answer that is certain, where that was asked for
//            <── Part      keys and values of its prompt, where it is one that others answer
//            <── Result    its answer
//            <── Back      there is no room for it, or the worker ends
//   Part     ──>           what another one has computed of the prompt of a row to come
//   Cancel   ──>           neither the row nor its parts are wanted (any more)
//   Ping     ──>           each second or so
//            <── Pong      with the rows that are here: others were lost on the way
//            <── Stranger  this session is unknown (any more): say Hello
//
// A message is "LATHEwk", a byte for the version, one for its kind, and its fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lathe/engine.h"
#include "lathe/serve/service.h"
#include "lathe/workers/identity.h"

#include "workers/memory_probe.h"

namespace lathe {

inline constexpr std::uint8_t kWorkerVersion = 4;

using RowId = std::uint64_t;

struct Hello {
  WorkerIdentity wanted;
  ProbePlace probe;
};
struct Welcome {
  std::uint64_t session = 0;
  WorkerIdentity identity;
  WorkerRole role = WorkerRole::kBoth;
  std::int64_t places = 0;  // requests that it runs at once
  bool sees = false;        // memory of who asks
  ProbePlace probe;
};
struct Refusal {
  std::string why;
};
struct Row {
  std::uint64_t session = 0;
  RowId id = 0;
  bool streams = false;  // its text is wanted in pieces, too
  bool prompt = false;   // of its prompt the keys and values are wanted, in parts
  bool memory = false;   // which may lie in memory, until the row is cancelled
  bool parts = false;    // its prompt begins with those that were sent before
  std::string request;   // request_message.h
};
struct Result {
  std::uint64_t session = 0;
  bool prompt = false;    // as the row said
  Completion completion;  // its id is the row's
};
struct Back {
  std::uint64_t session = 0;
  RowId id = 0;
};
struct Cancel {
  std::uint64_t session = 0;
  RowId id = 0;
};
struct Ping {
  std::uint64_t session = 0;
  std::uint64_t number = 0;
};
struct Pong {
  std::uint64_t session = 0;
  std::uint64_t number = 0;
  std::vector<RowId> rows;
};
struct Stranger {};
struct Piece {
  std::uint64_t session = 0;
  RowId id = 0;
  std::uint64_t at = 0;  // bytes of the same sample, and of the same kind, before it
  AnswerPiece piece;
};

// A place in memory that another process has.
struct MemoryRange {
  MemoryPlace place;
  std::uint64_t offset = 0, size = 0;
};
struct Part {
  std::uint64_t session = 0;
  RowId id = 0;
  std::uint64_t number = 0;  // of the row's parts
  std::string of;            // as Beginning's
  BeginningPart part;
  std::optional<MemoryRange> memory;  // where its pages are: then they are not sent
};

using WorkerMessage = std::variant<Hello, Welcome, Refusal, Row, Result, Back, Cancel, Ping, Pong,
                                   Stranger, Piece, Part>;

std::string encode_message(const WorkerMessage& message);
// Throws kInvalid for what is none, kUnsupported for another version's.
WorkerMessage decode_message(std::string_view bytes);

}  // namespace lathe
