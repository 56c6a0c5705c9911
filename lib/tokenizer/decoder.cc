#include "tokenizer/decoder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"

namespace lathe {
namespace {

using Tokens = std::vector<std::string>;

void byte_level(Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) {
    const auto raw = from_byte_level(token);
    bytes += raw ? *raw : token;
  }
  tokens = {replace_invalid_utf8(bytes)};
}

// "<0x41>" in either case of letters; unlike byte_piece_value(), which is about files.
int byte_token_value(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void byte_fallback(Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (is_valid_utf8(bytes)) {
      out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), "\xef\xbf\xbd");  // one for each byte
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    const int value = byte_token_value(token);
    if (value >= 0) {
      bytes.push_back(static_cast<char>(value));
    } else {
      flush();
      out.push_back(std::move(token));
    }
  }
  flush();
  tokens = std::move(out);
}

void fuse(Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens = {std::move(all)};
}

void strip(const DecoderStep& step, Tokens& tokens) {
  for (std::string& token : tokens) {
    std::size_t begin = 0;
    for (std::int64_t i = 0; i < step.start; ++i) {
      if (!std::string_view(token).substr(begin).starts_with(step.content)) break;
      begin += step.content.size();
    }
    std::size_t end = token.size();
    for (std::int64_t i = 0; i < step.stop; ++i) {
      if (!std::string_view(token).substr(begin, end - begin).ends_with(step.content)) break;
      end -= step.content.size();
    }
    token = token.substr(begin, end - begin);
  }
}

void replace(const DecoderStep& step, Tokens& tokens, Growth& growth) {
  RegexScratch scratch;
  for (std::string& token : tokens) {
    step.pattern.replace_all(token, step.content, scratch, growth);
  }
}

void metaspace(const DecoderStep& step, Tokens& tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view with = i == 0 && step.drop_first ? "" : " ";
    std::string out;
    std::string_view rest = tokens[i];
    for (std::size_t at = rest.find(step.content); at != std::string_view::npos;
         at = rest.find(step.content)) {
      out += rest.substr(0, at);
      out += with;
      rest.remove_prefix(at + step.content.size());
    }
    out += rest;
    tokens[i] = std::move(out);
  }
}

}  // namespace

void Decoder::add(const JsonView& value, const std::string& file) {
  const std::string type = value.at("type").as_string();
  DecoderStep step;
  if (type == "Sequence") {
    for (const JsonView& part : value.at("decoders").items()) add(part, file);
    return;
  }
  if (type == "ByteLevel") {
    step.kind = DecoderStep::Kind::kByteLevel;
  } else if (type == "ByteFallback") {
    step.kind = DecoderStep::Kind::kByteFallback;
  } else if (type == "Fuse") {
    step.kind = DecoderStep::Kind::kFuse;
  } else if (type == "Strip") {
    step.kind = DecoderStep::Kind::kStrip;
    step.content = value.at("content").as_string();
    if (step.content.empty()) value.fail_here("strips nothing");
    step.start = value.at("start").as_int(0);
    step.stop = value.at("stop").as_int(0);
  } else if (type == "Replace") {
    step.kind = DecoderStep::Kind::kReplace;
    step.pattern = read_pattern(value.at("pattern"), file);
    step.content = value.at("content").as_string();
  } else if (type == "Metaspace") {
    step.kind = DecoderStep::Kind::kMetaspace;
    step.content = value.get_string("replacement").value_or("\xe2\x96\x81");
    if (step.content.empty()) value.fail_here("has an empty replacement");
    const auto scheme = value.get_string("prepend_scheme");
    step.drop_first =
        scheme ? *scheme != "never" : value.get_bool("add_prefix_space").value_or(true);
  } else {
    fail_unsupported("{}: the decoder {} is not supported", quoted(file), quoted(type));
  }
  check_steps(steps_.size() + 1, "decoder", file);
  steps_.push_back(std::move(step));
}

int Decoder::byte_of(const std::string& token) const noexcept {
  const bool bytes = std::ranges::any_of(
      steps_, [](const DecoderStep& s) { return s.kind == DecoderStep::Kind::kByteFallback; });
  return bytes ? byte_token_value(token) : -1;
}

std::string Decoder::decode(Tokens tokens) const {
  std::string out;
  if (steps_.empty()) {
    for (const std::string& token : tokens) {
      if (&token != tokens.data()) out += ' ';
      out += token;
    }
    return out;
  }
  Growth growth;
  for (const std::string& token : tokens) growth.allow(token.size());
  for (const DecoderStep& step : steps_) {
    switch (step.kind) {
      case DecoderStep::Kind::kByteLevel:
        byte_level(tokens);
        break;
      case DecoderStep::Kind::kByteFallback:
        byte_fallback(tokens);
        break;
      case DecoderStep::Kind::kFuse:
        fuse(tokens);
        break;
      case DecoderStep::Kind::kStrip:
        strip(step, tokens);
        break;
      case DecoderStep::Kind::kReplace:
        replace(step, tokens, growth);
        break;
      case DecoderStep::Kind::kMetaspace:
        metaspace(step, tokens);
        break;
    }
  }
  for (const std::string& token : tokens) out += token;
  return out;
}

}  // namespace lathe
