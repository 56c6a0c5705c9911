// Many questions, packed: varints (little-endian base 128) and texts, one behind the other.
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lathe/sgp/question.h"

namespace lathe {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

// Bits of the first number.
constexpr std::uint64_t kHasId = 1, kHasError = 2;

// "svg-17": what a question without an id is called need not be kept.
std::string numbered(const SgpQuestion& q) { return fmt::format("{}-{}", q.split, q.row); }

void put(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void put(std::string_view text, std::string& out) {
  put(text.size(), out);
  out += text;
}

// Reads what put() wrote.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string text() {
    const std::size_t size = number();
    std::string out(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return out;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

std::string SgpQuestion::letters() const {
  std::string out;
  for (std::size_t i = 0; i < options.size(); ++i) out += static_cast<char>('A' + i);
  return out;
}

SgpQuestions::SgpQuestions(std::initializer_list<SgpQuestion> questions) {
  for (const SgpQuestion& question : questions) push_back(question);
}

std::uint64_t SgpQuestions::name(const std::string& text) {
  const auto [at, fresh] = numbers_.emplace(text, names_.size());
  if (fresh) names_.push_back(text);
  return at->second;
}

void SgpQuestions::push_back(const SgpQuestion& q) {
  const bool has_id = q.id != numbered(q);
  std::string packed;
  put((has_id ? kHasId : 0) | (q.error ? kHasError : 0), packed);
  for (const std::string* text : {&q.split, &q.subject, &q.file}) put(name(*text), packed);
  put(static_cast<std::uint64_t>(q.row), packed);
  put(static_cast<std::uint64_t>(q.position), packed);
  if (has_id) put(q.id, packed);
  put(q.question, packed);
  put(q.options.size(), packed);
  for (const std::string& option : q.options) put(option, packed);
  put(q.answer, packed);
  if (q.error) {
    put(static_cast<std::uint64_t>(q.error->code), packed);
    put(q.error->message, packed);
  }
  if (blocks_.empty() || blocks_.back().size() + packed.size() > blocks_.back().capacity()) {
    blocks_.emplace_back().reserve(std::max(kBlock, packed.size()));
  }
  places_.push_back({static_cast<std::uint32_t>(blocks_.size() - 1),
                     static_cast<std::uint32_t>(blocks_.back().size())});
  blocks_.back() += packed;
}

SgpQuestion SgpQuestions::operator[](std::size_t i) const {
  const Place place = places_[i];
  Unpacker from(std::string_view(blocks_[place.block]).substr(place.offset));
  SgpQuestion q;
  const std::uint64_t flags = from.number();
  for (std::string* text : {&q.split, &q.subject, &q.file}) *text = names_[from.number()];
  q.row = static_cast<std::int64_t>(from.number());
  q.position = static_cast<std::int64_t>(from.number());
  q.id = (flags & kHasId) != 0 ? from.text() : numbered(q);
  q.question = from.text();
  q.options.resize(from.number());
  for (std::string& option : q.options) option = from.text();
  q.answer = from.text();
  if ((flags & kHasError) != 0) {
    const auto code = static_cast<ErrorCode>(from.number());
    q.error = Failure{code, from.text()};
  }
  return q;
}

}  // namespace lathe
