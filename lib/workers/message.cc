#include "workers/message.h"

#include "workers/request_fields.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "LATHEwk";

}  // namespace

template <typename A, Some<WorkerIdentity> S>
void fields(A& a, S& s) {
  auto& [model, kv_type, context] = s;
  a(model, kv_type, context);
}

template <typename A, Some<MemoryPlace> S>
void fields(A& a, S& s) {
  auto& [process, descriptor] = s;
  a(process, descriptor);
}

template <typename A, Some<ProbePlace> S>
void fields(A& a, S& s) {
  a(s.place, s.number);
}

template <typename A, Some<MemoryRange> S>
void fields(A& a, S& s) {
  a(s.place, s.offset, s.size);
}

template <typename A, Some<Hello> S>
void fields(A& a, S& s) {
  a(s.wanted, s.probe);
}

template <typename A, Some<Welcome> S>
void fields(A& a, S& s) {
  a(s.session, s.identity);
  a.choice(s.role, WorkerRole::kAuto);
  a(s.places, s.sees, s.probe);
}

template <typename A, Some<Refusal> S>
void fields(A& a, S& s) {
  a(s.why);
}

template <typename A, Some<Row> S>
void fields(A& a, S& s) {
  a(s.session, s.id, s.streams, s.prompt, s.memory, s.parts, s.request);
}

template <typename A, Some<Result> S>
void fields(A& a, S& s) {
  a(s.session, s.prompt, s.completion);
}

template <typename A, typename S>
requires Some<S, Back> || Some<S, Cancel>
void fields(A& a, S& s) { a(s.session, s.id); }

template <typename A, Some<Ping> S>
void fields(A& a, S& s) {
  a(s.session, s.number);
}

template <typename A, Some<Pong> S>
void fields(A& a, S& s) {
  a(s.session, s.number, s.rows);
}

template <typename A, Some<Stranger> S>
void fields(A&, S&) {}

template <typename A, Some<AnswerPiece> S>
void fields(A& a, S& s) {
  auto& [sample, text, reasoning] = s;
  a(sample, text, reasoning);
}

template <typename A, Some<Piece> S>
void fields(A& a, S& s) {
  a(s.session, s.id, s.at, s.piece);
}

template <typename A, Some<Part> S>
void fields(A& a, S& s) {
  a(s.session, s.id, s.number, s.of, s.part.tokens, s.part.checksum, s.memory);
  if (!s.memory) a.bytes(s.part.pages, s.part.memory);
}

namespace {

template <std::size_t kind = 0>
WorkerMessage decode_kind(std::size_t wanted, std::string_view bytes) {
  if constexpr (kind == std::variant_size_v<WorkerMessage>) {
    fail_invalid("a message is of no known kind ({})", wanted);
  } else {
    if (kind != wanted) return decode_kind<kind + 1>(wanted, bytes);
    std::variant_alternative_t<kind, WorkerMessage> message;
    FieldReader reader(bytes);
    reader(message);
    reader.end();
    return message;
  }
}

}  // namespace

std::string encode_message(const WorkerMessage& message) {
  std::string head(kMagic);
  head.push_back(static_cast<char>(kWorkerVersion));
  head.push_back(static_cast<char>(message.index()));
  FieldWriter writer(std::move(head));
  std::visit([&](const auto& some) { writer(some); }, message);
  return writer.take();
}

WorkerMessage decode_message(std::string_view bytes) {
  const std::size_t head = kMagic.size() + 2;
  if (bytes.size() < head || !bytes.starts_with(kMagic)) {
    fail_invalid("this is no message of a worker");
  }
  const auto version = static_cast<std::uint8_t>(bytes[kMagic.size()]);
  if (version != kWorkerVersion) {
    fail_unsupported("version {} of the workers' messages is spoken there, and {} here", version,
                     kWorkerVersion);
  }
  return decode_kind(static_cast<std::uint8_t>(bytes[head - 1]), bytes.substr(head));
}

}  // namespace lathe
