// tokenizer.bin of llama2.c: [i32 longest piece][f32 score, i32 length, bytes] for each token.
//
// The pieces are those of a sentencepiece BPE model, exported for printing: U+2581 is a
// space, and the control pieces <s> and </s> (ids 1 and 2) stand between line breaks.
#include <fmt/format.h>

#include "base/byte_reader.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

std::string with_space_marks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out += kSpaceMark;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

TokenizerFiles from_llama2c_tokenizer(std::span<const std::byte> bytes, std::int64_t vocab_size,
                                      const std::string& origin) {
  constexpr std::size_t kMinToken = 8;  // a score and a length
  ByteReader in(bytes, origin);
  const auto longest = in.read<std::int32_t>("the length of the longest token");
  if (longest <= 0) {
    fail_invalid("{}: the longest token has {} bytes; is this a llama2.c tokenizer?",
                 quoted(origin), longest);
  }
  if (vocab_size < -1 || vocab_size == 0 ||
      vocab_size > static_cast<std::int64_t>(in.remaining() / kMinToken)) {
    fail_invalid("{}: the file is too small for a vocabulary of {}", quoted(origin), vocab_size);
  }
  SpmModel model;
  model.kind = SpmKind::kBpe;
  model.byte_fallback = true;
  model.remove_extra_whitespaces = false;
  while (vocab_size < 0 ? in.remaining() > 0
                        : static_cast<std::int64_t>(model.pieces.size()) < vocab_size) {
    const std::size_t id = model.pieces.size();
    SpmPiece piece;
    piece.score = in.read<float>(fmt::format("the score of token {}", id));
    const auto length = in.read<std::int32_t>(fmt::format("the length of token {}", id));
    if (length < 0 || length > longest) {
      fail_invalid("{}: token {} has {} bytes, the longest is said to have {}", quoted(origin), id,
                   length, longest);
    }
    const std::string_view text =
        in.take_string(static_cast<std::uint64_t>(length), fmt::format("token {}", id));
    if (id == 0) {
      piece.type = PieceType::kUnknown;
      piece.text = text;
    } else if (id <= 2) {
      piece.type = PieceType::kControl;
      const std::size_t begin = text.find_first_not_of('\n');
      const std::size_t end = text.find_last_not_of('\n');
      piece.text = begin == std::string_view::npos ? "" : text.substr(begin, end - begin + 1);
    } else {
      if (byte_piece_value(text) >= 0) piece.type = PieceType::kByte;
      piece.text = with_space_marks(text);
    }
    model.pieces.push_back(std::move(piece));
  }
  if (in.remaining() > 0) {
    fail_invalid("{}: {} bytes are left after {} tokens; the model's vocabulary has another size",
                 quoted(origin), in.remaining(), model.pieces.size());
  }
  if (model.pieces.size() < 3) fail_invalid("{}: fewer than three tokens", quoted(origin));
  model.unk_piece = model.pieces[0].text;
  model.bos_piece = model.pieces[1].text;
  model.eos_piece = model.pieces[2].text;
  validate_spm_model(model, origin);

  TokenizerFiles files;
  files.origin = origin;
  files.sentencepiece_model = model.serialize();
  files.tokenizer_config_json =
      "{\n"
      "  \"add_bos_token\": true,\n"
      "  \"add_eos_token\": false,\n"
      "  \"bos_token\": \"<s>\",\n"
      "  \"eos_token\": \"</s>\",\n"
      "  \"legacy\": true,\n"
      "  \"tokenizer_class\": \"LlamaTokenizer\",\n"
      "  \"unk_token\": \"<unk>\"\n"
      "}\n";
  if (model.bos_piece != "<s>" || model.eos_piece != "</s>" || model.unk_piece != "<unk>") {
    files.tokenizer_config_json.clear();  // the model's own names are enough
  }
  return files;
}

}  // namespace lathe
