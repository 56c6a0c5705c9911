#include "tokenizer/gguf_pre.h"

#include <array>

namespace lathe {
namespace {

// Sources: the tokenizer.json files of the models that the names come from, and what readers
// of GGUF make of the names.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLineEnd = R"([\r\n])";
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kDigits = R"(\p{N}+)";
constexpr std::string_view kThreeDigits = "[0-9][0-9][0-9]";
constexpr std::string_view kCjk = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view kDeepSeekLetters =
    "\\s?["
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-"
    "ჅᎠ-"
    "Ᏽ"
    "ᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-"
    "ώᾀ-"
    "ᾴᾶ-"
    "ᾼιῂ-"
    "ῄῆ-"
    "ῌῐ-"
    "ΐῖ-"
    "Ί"
    "ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-"
    "ꚛꜢ-"
    "ꝯꝱ-"
    "ꞇ"
    "Ꞌ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-"
    "𑣟𞤀-"
    "𞥃"
    "]+";
constexpr std::string_view kDeepSeekPunctuation = "\\s?[!-/:-~！-／：-～‘-‟　-。]+";

constexpr std::array kGpt2Splits{kGpt2};
constexpr std::array kLlama3Splits{kLlama3};
constexpr std::array kQwen2Splits{kQwen2};
constexpr std::array kStarcoderSplits{kDigit, kGpt2};
constexpr std::array<std::string_view, 3> kFalconSplits{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2,
                                                        kThreeDigits};
constexpr std::array<std::string_view, 4> kDefaultSplits{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, kDigits,
                                                         kThreeDigits};
constexpr std::array<std::string_view, 6> kDeepSeekLlmSplits{
    kLineEnd, kDeepSeekLetters, kDeepSeekPunctuation, R"(\s+$)", kCjk, kDigits};
constexpr std::array<std::string_view, 5> kDeepSeekCoderSplits{kLineEnd, R"(\s?\p{L}+)",
                                                               R"(\s?\p{P}+)", kCjk, kDigit};

constexpr std::array kPres{
    GgufPre{.name = "gpt-2", .splits = kGpt2Splits},
    GgufPre{.name = "llama-bpe", .splits = kLlama3Splits, .ignore_merges = true, .add_bos = true},
    GgufPre{.name = "qwen2", .splits = kQwen2Splits, .nfc = true},
    GgufPre{.name = "deepseek-r1-qwen", .splits = kQwen2Splits},  // the same without NFC
    GgufPre{.name = "starcoder", .splits = kStarcoderSplits},
    GgufPre{.name = "falcon", .splits = kFalconSplits},
    GgufPre{.name = "deepseek-llm", .splits = kDeepSeekLlmSplits},
    GgufPre{.name = "deepseek-coder", .splits = kDeepSeekCoderSplits},
    GgufPre{.name = "default", .splits = kDefaultSplits},
};

struct Alias {
  std::string_view name, means;
};
constexpr std::array kAliases{
    Alias{"", "default"},           Alias{"mpt", "gpt-2"},        Alias{"phi-2", "gpt-2"},
    Alias{"refact", "starcoder"},   Alias{"smollm", "starcoder"}, Alias{"llama3", "llama-bpe"},
    Alias{"llama-v3", "llama-bpe"},
};

}  // namespace

const GgufPre* find_gguf_pre(std::string_view name) noexcept {
  for (const Alias& alias : kAliases) {
    if (alias.name == name) name = alias.means;
  }
  for (const GgufPre& pre : kPres) {
    if (pre.name == name) return &pre;
  }
  return nullptr;
}

std::span<const GgufPre> gguf_pres() noexcept { return kPres; }

}  // namespace lathe
