#include "tokenizer/bpe/compiled.h"

#include <cstring>
#include <span>
#include <xxhash.h>

#include "lathe/tokenizer_files.h"

#include "base/byte_reader.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/string_table.h"

namespace lathe {
namespace {

constexpr std::string_view kMagic = "lathevoc";
constexpr std::uint32_t kNone = 0xffffffffu;

std::uint64_t hash_of(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

template <typename T>
void put(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

struct Header {
  std::uint32_t tokens, merges, document, unknown;
};

Header read_header(ByteReader& in, const TokenizerFiles& files) {
  if (in.take_string(kMagic.size(), "the compiled tokenizer") != kMagic ||
      in.read<std::uint64_t>("its checksum") != hash_of(files.tokenizer_json)) {
    fail_invalid("{}: tokenizer.compiled was not made from this tokenizer.json",
                 quoted(files.origin));
  }
  Header header{};
  header.tokens = in.read<std::uint32_t>("the number of tokens");
  header.merges = in.read<std::uint32_t>("the number of merges");
  header.document = in.read<std::uint32_t>("the document's size");
  header.unknown = in.read<std::uint32_t>("the unknown token");
  return header;
}

std::vector<std::string> read_tokens(std::span<const std::byte> ends, std::string_view texts,
                                     const std::string& file) {
  std::vector<std::string> tokens;
  tokens.reserve(ends.size() / sizeof(std::uint32_t));
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); i += sizeof begin) {
    std::uint32_t end = 0;
    std::memcpy(&end, ends.data() + i, sizeof end);
    if (end < begin || end > texts.size()) {
      fail_invalid("{}: tokenizer.compiled: a token ends at byte {} of {}", quoted(file), end,
                   texts.size());
    }
    tokens.emplace_back(texts.substr(begin, end - begin));
    begin = end;
  }
  return tokens;
}

std::vector<BpeMerge> read_merges(std::span<const std::byte> bytes,
                                  const std::vector<std::string>& tokens, const std::string& file) {
  std::vector<BpeMerge> merges(bytes.size() / sizeof(BpeMerge));
  if (!merges.empty()) std::memcpy(merges.data(), bytes.data(), bytes.size());
  const auto known = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < tokens.size();
  };
  for (const BpeMerge& merge : merges) {
    if (!known(merge.left) || !known(merge.right) || !known(merge.joined)) {
      fail_invalid("{}: tokenizer.compiled: a merge of tokens outside the vocabulary",
                   quoted(file));
    }
    const std::string_view left = tokens[static_cast<std::size_t>(merge.left)];
    const std::string_view right = tokens[static_cast<std::size_t>(merge.right)];
    const std::string_view joined = tokens[static_cast<std::size_t>(merge.joined)];
    if (joined.size() != left.size() + right.size() || !joined.starts_with(left) ||
        !joined.ends_with(right)) {
      fail_invalid("{}: tokenizer.compiled: {} and {} do not make {}", quoted(file), quoted(left),
                   quoted(right), quoted(joined));
    }
  }
  return merges;
}

}  // namespace

std::string compile_tokenizer(const TokenizerFiles& files) {
  if (files.tokenizer_json.empty()) return {};
  TokenizerJson json;
  try {
    json = parse_tokenizer_json(files.tokenizer_json, files.origin);
  } catch (const Error&) {
    return {};  // whoever reads it will say so
  }
  const BpeSpec& model = json.model;
  if (model.tokens.size() < kCompiledTokens) return {};
  StringTable ids(model.tokens.size());
  for (std::size_t i = 0; i < model.tokens.size(); ++i) {
    if (!model.tokens[i].empty()) ids.insert(model.tokens[i], static_cast<TokenId>(i));
  }
  const std::string document = json.document.dump();
  std::string out(kMagic);
  put(hash_of(files.tokenizer_json), out);
  put(static_cast<std::uint32_t>(model.tokens.size()), out);
  put(static_cast<std::uint32_t>(model.merges.size()), out);
  put(static_cast<std::uint32_t>(document.size()), out);
  put(model.unknown ? static_cast<std::uint32_t>(*model.unknown) : kNone, out);
  std::uint32_t end = 0;
  for (const std::string& token : model.tokens) {
    end += static_cast<std::uint32_t>(token.size());
    put(end, out);
  }
  for (const auto& [left, right] : model.merges) {
    const BpeMerge merge{ids.find(left), ids.find(right), ids.find(left + right)};
    if (merge.left < 0 || merge.right < 0 || merge.joined < 0) return {};
    put(merge, out);
  }
  out += document;
  for (const std::string& token : model.tokens) out += token;
  return out;
}

TokenizerJson parse_compiled(const TokenizerFiles& files) {
  const std::string& file = files.origin;
  ByteReader in(std::as_bytes(std::span(files.compiled_json)), file);
  const Header header = read_header(in, files);
  const auto ends = in.take(std::uint64_t{header.tokens} * sizeof(std::uint32_t), "the tokens");
  const auto merges = in.take(std::uint64_t{header.merges} * sizeof(BpeMerge), "the merges");
  TokenizerJson out;
  out.document = parse_json(in.take_string(header.document, "the document"), file);
  out.model.tokens = read_tokens(ends, in.take_string(in.remaining(), "the texts"), file);
  out.model.merge_ids = read_merges(merges, out.model.tokens, file);
  if (header.unknown != kNone) {
    if (header.unknown >= header.tokens) {
      fail_invalid("{}: tokenizer.compiled: the unknown token is {}", quoted(file), header.unknown);
    }
    out.model.unknown = static_cast<TokenId>(header.unknown);
  }
  read_tokenizer_document(file, out);
  return out;
}

}  // namespace lathe
