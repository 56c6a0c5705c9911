#include "tokenizer/spm/model.h"

#include <bitset>
#include <cmath>
#include <fmt/format.h>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/protobuf_wire.h"
#include "tokenizer/string_table.h"

namespace lathe {
namespace {

// Longest pieces met in the wild are a few hundred bytes. The library's trie builder recurses
// once per byte of a piece, so the length is bounded.
constexpr std::size_t kMaxPieceBytes = 4096;
constexpr std::size_t kMaxPieces = std::size_t{1} << 24;

struct FieldReader {
  WireReader reader;
  std::string_view file;
  std::string_view message;
  WireField field{};

  FieldReader(std::string_view bytes, std::string_view file_name, std::string_view what,
              std::size_t base)
      : reader(bytes, file_name, base), file(file_name), message(what) {}

  bool next() { return reader.next(field); }
  void want(WireType type) const {
    if (field.type != type) {
      fail_invalid("{}: field {} of {} has wire type {}, not {} (offset {})", quoted(file),
                   field.number, message, static_cast<int>(field.type), static_cast<int>(type),
                   reader.offset());
    }
  }
  std::string_view bytes() const {
    want(WireType::kBytes);
    return field.bytes;
  }
  bool boolean() const {
    want(WireType::kVarint);
    return field.varint != 0;
  }
  std::uint64_t number() const {
    want(WireType::kVarint);
    return field.varint;
  }
  float real() const {
    want(WireType::kFixed32);
    return field.as_float();
  }
  std::string name() const {
    const std::string_view text = bytes();
    if (!is_valid_utf8(text)) {
      fail_invalid("{}: field {} of {} is not UTF-8", quoted(file), field.number, message);
    }
    return std::string(text);
  }
};

SpmPiece read_piece(std::string_view bytes, const std::string& file, std::size_t base,
                    std::size_t index) {
  SpmPiece piece;
  FieldReader in(bytes, file, "a piece", base);
  while (in.next()) {
    if (in.field.number == 1) {
      piece.text = std::string(in.bytes());
    } else if (in.field.number == 2) {
      piece.score = in.real();
    } else if (in.field.number == 3) {
      const std::uint64_t type = in.number();
      if (type < 1 || type > 6) {
        fail_invalid("{}: piece {} has the unknown type {}", quoted(file), index, type);
      }
      piece.type = static_cast<PieceType>(type);
    }
  }
  return piece;
}

void read_trainer(std::string_view bytes, const std::string& file, std::size_t base,
                  SpmModel& model) {
  FieldReader in(bytes, file, "trainer_spec", base);
  while (in.next()) {
    switch (in.field.number) {
      case 3: {
        const std::uint64_t kind = in.number();
        if (kind < 1 || kind > 4) {
          fail_unsupported("{}: sentencepiece model type {} is not known", quoted(file), kind);
        }
        model.kind = static_cast<SpmKind>(kind);
        break;
      }
      case 24:
        model.whitespace_as_suffix = in.boolean();
        break;
      case 35:
        model.byte_fallback = in.boolean();
        break;
      case 44:
        model.unk_surface = in.name();
        break;
      case 45:
        model.unk_piece = in.name();
        break;
      case 46:
        model.bos_piece = in.name();
        break;
      case 47:
        model.eos_piece = in.name();
        break;
      case 48:
        model.pad_piece = in.name();
        break;
      default:
        break;
    }
  }
}

void read_normalizer(std::string_view bytes, const std::string& file, std::size_t base,
                     SpmModel& model) {
  FieldReader in(bytes, file, "normalizer_spec", base);
  while (in.next()) {
    switch (in.field.number) {
      case 1:
        model.normalizer_name = in.name();
        break;
      case 2:
        model.charsmap = std::string(in.bytes());
        break;
      case 3:
        model.add_dummy_prefix = in.boolean();
        break;
      case 4:
        model.remove_extra_whitespaces = in.boolean();
        break;
      case 5:
        model.escape_whitespaces = in.boolean();
        break;
      default:
        break;
    }
  }
}

void read_denormalizer(std::string_view bytes, const std::string& file, std::size_t base,
                       SpmModel& model) {
  FieldReader in(bytes, file, "denormalizer_spec", base);
  while (in.next()) {
    if (in.field.number == 2) model.denormalizer_charsmap = std::string(in.bytes());
  }
}

}  // namespace

int byte_piece_value(std::string_view text) noexcept {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return -1;
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string byte_piece(int value) { return fmt::format("<0x{:02X}>", value); }

std::int64_t SpmModel::find(std::string_view text, PieceType type) const noexcept {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].type == type && pieces[i].text == text) return static_cast<std::int64_t>(i);
  }
  return -1;
}

SpmModel parse_spm_model(std::string_view bytes, const std::string& file) {
  if (bytes.empty()) fail_invalid("{}: the sentencepiece model is empty", quoted(file));
  SpmModel model;
  model.normalizer_name.clear();
  FieldReader in(bytes, file, "the model", 0);
  while (in.next()) {
    switch (in.field.number) {
      case 1: {
        if (model.pieces.size() == kMaxPieces) {
          fail_invalid("{}: more than {} pieces", quoted(file), kMaxPieces);
        }
        const std::string_view piece = in.bytes();
        model.pieces.push_back(
            read_piece(piece, file, in.reader.bytes_offset(), model.pieces.size()));
        break;
      }
      case 2:
        read_trainer(in.bytes(), file, in.reader.bytes_offset(), model);
        break;
      case 3:
        read_normalizer(in.bytes(), file, in.reader.bytes_offset(), model);
        break;
      case 5:
        read_denormalizer(in.bytes(), file, in.reader.bytes_offset(), model);
        break;
      default:
        break;
    }
  }
  validate_spm_model(model, file);
  return model;
}

void validate_spm_model(const SpmModel& model, const std::string& file) {
  if (model.pieces.empty())
    fail_invalid("{}: no sentencepiece model: it has no pieces", quoted(file));
  std::bitset<256> byte_values;
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    if (piece.text.empty()) fail_invalid("{}: piece {} is empty", quoted(file), i);
    if (piece.text.size() > kMaxPieceBytes) {
      fail_invalid("{}: piece {} has {} bytes, {} are the most", quoted(file), i, piece.text.size(),
                   kMaxPieceBytes);
    }
    if (!is_valid_utf8(piece.text)) {
      fail_invalid("{}: piece {} ({}) is not UTF-8", quoted(file), i, quoted(piece.text));
    }
    if (piece.text.find('\0') != std::string::npos) {
      fail_invalid("{}: piece {} ({}) contains NUL", quoted(file), i, quoted(piece.text));
    }
    if (!std::isfinite(piece.score)) {
      fail_invalid("{}: the score of piece {} ({}) is {}", quoted(file), i, quoted(piece.text),
                   piece.score);
    }
    if (piece.type == PieceType::kUnknown) ++unknown;
    if (piece.type == PieceType::kByte) {
      const int value = byte_piece_value(piece.text);
      if (value < 0) {
        fail_invalid("{}: piece {} ({}) is a byte piece but is not spelled <0x00> to <0xFF>",
                     quoted(file), i, quoted(piece.text));
      }
      byte_values.set(static_cast<std::size_t>(value));
    }
  }
  if (unknown == 0) fail_invalid("{}: no piece has the type UNKNOWN", quoted(file));
  if (model.byte_fallback && !byte_values.all()) {
    fail_invalid("{}: byte fallback needs 256 byte pieces, the model has {}", quoted(file),
                 byte_values.count());
  }
  validate_charsmap(model.charsmap, file);
  validate_charsmap(model.denormalizer_charsmap, file);
}

StringTable index_pieces(const SpmModel& model, const std::string& file) {
  StringTable ids(model.pieces.size());
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const std::string& text = model.pieces[i].text;
    if (!ids.insert(text, static_cast<TokenId>(i))) {
      fail_invalid("{}: piece {} ({}) is there twice", quoted(file), i, quoted(text));
    }
  }
  return ids;
}

std::string SpmModel::serialize() const {
  WireWriter out;
  for (const SpmPiece& piece : pieces) {
    WireWriter one;
    one.put_bytes(1, piece.text);
    one.put_float(2, piece.score);
    if (piece.type != PieceType::kNormal) one.put_varint(3, static_cast<std::uint64_t>(piece.type));
    out.put_bytes(1, one.bytes());
  }
  // Readers that train or extend models want the ids; -1 is written as its two's complement.
  const auto id = [this](std::string_view text, PieceType type) {
    return static_cast<std::uint64_t>(find(text, type));
  };
  WireWriter trainer;
  trainer.put_varint(3, static_cast<std::uint64_t>(kind));
  trainer.put_varint(4, pieces.size());
  trainer.put_varint(24, whitespace_as_suffix ? 1 : 0);
  trainer.put_varint(35, byte_fallback ? 1 : 0);
  trainer.put_varint(40, id(unk_piece, PieceType::kUnknown));
  trainer.put_varint(41, id(bos_piece, PieceType::kControl));
  trainer.put_varint(42, id(eos_piece, PieceType::kControl));
  trainer.put_varint(43, id(pad_piece, PieceType::kControl));
  trainer.put_bytes(44, unk_surface);
  trainer.put_bytes(45, unk_piece);
  trainer.put_bytes(46, bos_piece);
  trainer.put_bytes(47, eos_piece);
  trainer.put_bytes(48, pad_piece);
  out.put_bytes(2, trainer.bytes());

  WireWriter normalizer;
  normalizer.put_bytes(1, normalizer_name);
  normalizer.put_bytes(2, charsmap);
  normalizer.put_varint(3, add_dummy_prefix ? 1 : 0);
  normalizer.put_varint(4, remove_extra_whitespaces ? 1 : 0);
  normalizer.put_varint(5, escape_whitespaces ? 1 : 0);
  out.put_bytes(3, normalizer.bytes());
  if (!denormalizer_charsmap.empty()) {
    WireWriter denormalizer;
    denormalizer.put_bytes(2, denormalizer_charsmap);
    out.put_bytes(5, denormalizer.bytes());
  }
  return out.bytes();
}

}  // namespace lathe
