#include "tokenizer/spm/stream.h"

#include "base/utf8.h"

namespace lathe {

void SpmStream::append(TokenId id, std::string& out) {
  const SpmTokenizer::Entry entry = tokenizer_.entry(id);
  using Kind = SpmTokenizer::Kind;
  if (entry.kind == Kind::kByte) {
    bytes_.push_back(static_cast<char>(byte_piece_value(entry.text)));
    flush_bytes(false, out);
    return;
  }
  flush_bytes(true, out);
  if (entry.kind == Kind::kNothing || (entry.kind == Kind::kSpecial && !keep_special_)) return;
  if (entry.kind == Kind::kSpecial || entry.literal) {
    out += entry.text;
    if (entry.kind != Kind::kSpecial) at_start_ = false;
    return;
  }
  if (entry.kind == Kind::kUnknown) {
    out += tokenizer_.model_.unk_surface;
    at_start_ = false;
    return;
  }
  std::string_view text = entry.text;
  const bool strips =
      tokenizer_.model_.add_dummy_prefix || tokenizer_.model_.remove_extra_whitespaces;
  if (at_start_ && strips && text.starts_with(kSpaceMark)) {
    text.remove_prefix(kSpaceMark.size());
    // A model that drops repeated spaces drops every one at the beginning.
    if (!tokenizer_.model_.remove_extra_whitespaces) at_start_ = false;
  }
  while (!text.empty()) {
    at_start_ = false;
    const std::size_t mark = text.find(kSpaceMark);
    out += text.substr(0, mark);
    if (mark == std::string_view::npos) break;
    out += ' ';
    text.remove_prefix(mark + kSpaceMark.size());
  }
}

void SpmStream::flush(std::string& out) { flush_bytes(true, out); }

void SpmStream::flush_bytes(bool all, std::string& out) {
  while (!bytes_.empty()) {
    const Utf8Char c = decode_utf8(bytes_);
    if (!c.valid && !all && incomplete_utf8_suffix(bytes_) == bytes_.size()) return;
    at_start_ = false;
    if (c.valid) {
      out.append(bytes_, 0, c.length);
      bytes_.erase(0, c.length);
    } else {
      append_utf8(0xfffd, out);
      bytes_.erase(0, 1);
    }
  }
}

}  // namespace lathe
