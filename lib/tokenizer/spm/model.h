// A sentencepiece model as data: what tokenizer.model holds, and what GGUF's "llama"
// vocabularies and llama2.c's tokenizer.bin become.
//
// parse_spm_model() checks everything that the sentencepiece library would trust, so that
// serialize()d models cannot make it read out of bounds, print or abort. Errors: kInvalid.
// Source: sentencepiece_model.proto of sentencepiece 0.1.97.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/string_table.h"

namespace lathe {

inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";  // U+2581, stands for a space

enum class PieceType : std::uint8_t {  // also the values of GGUF's token_type
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SpmPiece {
  std::string text;
  float score = 0.0f;
  PieceType type = PieceType::kNormal;
};

enum class SpmKind : std::uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

struct SpmModel {
  std::vector<SpmPiece> pieces;
  SpmKind kind = SpmKind::kUnigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  std::string unk_surface = " \xe2\x81\x87 ";  // what an unknown piece decodes to

  std::string normalizer_name = "identity";
  std::string charsmap;  // precompiled rules, empty for the identity
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string denormalizer_charsmap;

  // Id of a piece of the given type, -1 when there is none.
  std::int64_t find(std::string_view text, PieceType type) const noexcept;
  // Serialized ModelProto.
  std::string serialize() const;
};

SpmModel parse_spm_model(std::string_view bytes, const std::string& file);

// Checks pieces (texts, scores, byte pieces); parse_spm_model() has done it.
void validate_spm_model(const SpmModel& model, const std::string& file);

// Ids by texts, which stay the model's. Throws kInvalid for a piece that is there twice.
StringTable index_pieces(const SpmModel& model, const std::string& file);

// GGUF's tokenizer.ggml.* of model "llama".
SpmModel spm_model_from_gguf(const GgufVocabulary& vocabulary, const std::string& file);

// The byte that "<0x41>" stands for, -1 for any other text.
int byte_piece_value(std::string_view text) noexcept;
std::string byte_piece(int value);

// Throws unless `charsmap` is a double array and texts inside which the library's lookups
// stay. Empty is fine.
void validate_charsmap(std::string_view charsmap, const std::string& file);

}  // namespace lathe
