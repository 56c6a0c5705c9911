#include "tokenizer/gguf_pre.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "lathe/tokenizer_files.h"

#include "base/escape.h"
#include "tokenizer/gguf_pre_splits.h"

namespace lathe {
namespace {

using namespace gguf_splits;

template <std::size_t n>
using Splits = std::array<std::string_view, n>;

constexpr Splits<1> kGpt2Splits{kGpt2};
constexpr Splits<1> kLlama3Splits{kLlama3};
constexpr Splits<1> kQwen2Splits{kQwen2};
constexpr Splits<1> kQwen35Splits{kQwen35};
constexpr Splits<1> kGpt4oSplits{kGpt4o};
constexpr Splits<1> kTekkenSplits{kTekken};
constexpr Splits<1> kKimiK2Splits{kKimiK2};
constexpr Splits<1> kSeedCoderSplits{kSeedCoder};
constexpr Splits<1> kBailingMoeSplits{kBailingMoe};
constexpr Splits<1> kExaoneMoeSplits{kExaoneMoe};
constexpr Splits<1> kJais2Splits{kJais2};
constexpr Splits<1> kBloomSplits{kBloom};
constexpr Splits<1> kLineSplits{kLine};
constexpr Splits<2> kVikingSplits{kBloom, kDigit};
constexpr Splits<2> kStarcoderSplits{kDigit, kGpt2};
constexpr Splits<2> kLagunaSplits{kLine, kQwen2};
constexpr Splits<2> kSuperBpeSplits{kDigits, kBeforeThrees};
constexpr Splits<2> kTinyAyaSplits{kThreesToABorder, kGpt4o};
constexpr Splits<2> kMiniCpm5Splits{kUpToThreeDigits, kMiniCpm5Words};
constexpr Splits<2> kYoutuSplits{kYoutuScripts, kYoutuWords};
constexpr Splits<3> kFalconSplits{kFalconMarks, kGpt2, kThreeDigits};
constexpr Splits<3> kDeepSeekV3Splits{kUpToThreeDigits, kHanAndKana, kDeepSeekV3Words};
constexpr Splits<3> kAfmoeSplits{kThreesFromTheRight, kAsianScripts, kDeepSeekV3Words};
constexpr Splits<4> kDefaultSplits{kDefaultMarks, kGpt2, kDigits, kThreeDigits};
constexpr Splits<5> kDeepSeekCoderSplits{kLineEnd, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kCjk, kDigit};
constexpr Splits<6> kDeepSeekLlmSplits{kLineEnd, kDeepSeekLetters, kDeepSeekPunctuation, R"(\s+$)",
                                       kCjk,     kDigits};
constexpr Splits<6> kChameleonSplits{kSentinel, kImageToken,  kTabsAndSpaces,
                                     kDigit,    kPunctuation, kGpt2};

constexpr std::array kPres{
    GgufPre{.name = "gpt-2", .splits = kGpt2Splits},
    GgufPre{.name = "olmo", .splits = kGpt2Splits, .nfc = true},
    GgufPre{.name = "llama-bpe", .splits = kLlama3Splits, .ignore_merges = true, .add_bos = true},
    GgufPre{.name = "dbrx", .splits = kLlama3Splits},
    GgufPre{.name = "glm4", .splits = kLlama3Splits, .without_bos = true},
    GgufPre{.name = "qwen2", .splits = kQwen2Splits, .nfc = true},
    GgufPre{.name = "deepseek-r1-qwen", .splits = kQwen2Splits},  // the same without NFC
    GgufPre{.name = "qwen35", .splits = kQwen35Splits, .nfc = true},
    GgufPre{.name = "starcoder", .splits = kStarcoderSplits},
    GgufPre{.name = "command-r", .splits = kStarcoderSplits, .nfc = true},
    GgufPre{.name = "gpt-4o", .splits = kGpt4oSplits},
    GgufPre{.name = "granite-embed-multi-97m", .splits = kGpt4oSplits, .ignore_merges = true},
    GgufPre{.name = "tekken", .splits = kTekkenSplits, .ignore_merges = true, .add_bos = true},
    GgufPre{.name = "deepseek-llm", .splits = kDeepSeekLlmSplits},
    GgufPre{.name = "deepseek-coder", .splits = kDeepSeekCoderSplits},
    GgufPre{.name = "deepseek-v3", .splits = kDeepSeekV3Splits},
    GgufPre{.name = "kimi-k2", .splits = kKimiK2Splits},
    GgufPre{.name = "seed-coder", .splits = kSeedCoderSplits},
    GgufPre{.name = "bailingmoe", .splits = kBailingMoeSplits},
    GgufPre{.name = "exaone-moe", .splits = kExaoneMoeSplits},
    GgufPre{.name = "gemma4",
            .splits = kLineSplits,
            .add_bos = true,
            .marks_spaces = true,
            .whole_line_ends = true},
    GgufPre{.name = "sarvam-moe", .splits = kLineSplits, .marks_spaces = true},
    GgufPre{.name = "minicpm5", .splits = kMiniCpm5Splits, .ignore_merges = true},
    GgufPre{.name = "falcon", .splits = kFalconSplits},
    GgufPre{.name = "bloom", .splits = kBloomSplits},
    GgufPre{.name = "viking", .splits = kVikingSplits},
    GgufPre{.name = "jais-2", .splits = kJais2Splits},
    GgufPre{.name = "laguna", .splits = kLagunaSplits},
    GgufPre{.name = "superbpe", .splits = kSuperBpeSplits},
    GgufPre{.name = "tiny_aya", .splits = kTinyAyaSplits},
    GgufPre{.name = "youtu", .splits = kYoutuSplits, .ignore_merges = true},
    GgufPre{.name = "afmoe", .splits = kAfmoeSplits},
    GgufPre{.name = "chameleon", .splits = kChameleonSplits, .add_bos = true},
    GgufPre{.name = "default", .splits = kDefaultSplits},
};

struct Alias {
  std::string_view name, means;
};
constexpr std::array kAliases{
    Alias{"", "default"},
    Alias{"phi-2", "gpt-2"},
    Alias{"jina-es", "gpt-2"},
    Alias{"jina-de", "gpt-2"},
    Alias{"jina-v2-es", "gpt-2"},
    Alias{"jina-v2-de", "gpt-2"},
    Alias{"gigachat", "gpt-2"},
    Alias{"a.x-4.0", "gpt-2"},
    Alias{"mellum", "gpt-2"},
    Alias{"modern-bert", "gpt-2"},
    Alias{"exaone4", "gpt-2"},
    Alias{"jais", "gpt-2"},
    Alias{"trillion", "gpt-2"},
    Alias{"granite-docling", "gpt-2"},
    Alias{"mpt", "olmo"},
    Alias{"llama3", "llama-bpe"},
    Alias{"llama-v3", "llama-bpe"},
    Alias{"falcon3", "llama-bpe"},
    Alias{"falcon-h1", "llama-bpe"},
    Alias{"pixtral", "llama-bpe"},
    Alias{"midm-2.0", "llama-bpe"},
    Alias{"lfm2", "llama-bpe"},
    Alias{"jina-v5-nano", "llama-bpe"},
    Alias{"smaug-bpe", "dbrx"},
    Alias{"chatglm-bpe", "glm4"},
    Alias{"f2llmv2", "qwen2"},
    Alias{"stablelm2", "deepseek-r1-qwen"},
    Alias{"hunyuan", "deepseek-r1-qwen"},
    Alias{"megrez", "deepseek-r1-qwen"},
    Alias{"kormo", "deepseek-r1-qwen"},
    Alias{"solar-open", "deepseek-r1-qwen"},
    Alias{"grok-2", "deepseek-r1-qwen"},
    Alias{"refact", "starcoder"},
    Alias{"smollm", "starcoder"},
    Alias{"codeshell", "starcoder"},
    Alias{"exaone", "starcoder"},
    Alias{"minerva-7b", "starcoder"},
    Alias{"mellum2", "starcoder"},
    Alias{"llama4", "gpt-4o"},
    Alias{"kanana2", "gpt-4o"},
    Alias{"talkie", "gpt-4o"},
    Alias{"minimax-m2", "gpt-4o"},
    Alias{"hunyuan-dense", "deepseek-v3"},
    Alias{"joyai-llm", "deepseek-v3"},
    Alias{"bailingmoe2", "bailingmoe"},
    Alias{"llada-moe", "bailingmoe"},
    Alias{"granite-embed-multi-311m", "gemma4"},
    Alias{"poro-chat", "bloom"},
    Alias{"gpt3-finnish", "bloom"},
    Alias{"cohere2moe", "tiny_aya"},
};

}  // namespace

const GgufPre* find_gguf_pre(std::string_view name) noexcept {
  const auto alias = std::ranges::find(kAliases, name, &Alias::name);
  if (alias != kAliases.end()) name = alias->means;
  const auto pre = std::ranges::find(kPres, name, &GgufPre::name);
  return pre == kPres.end() ? nullptr : &*pre;
}

const GgufPre* find_gguf_pre(const GgufVocabulary& vocabulary) noexcept {
  return find_gguf_pre(vocabulary.model == "gemma4" ? "gemma4" : vocabulary.pre);
}

bool is_gguf_bpe(const GgufVocabulary& vocabulary) noexcept {
  return vocabulary.model == "gpt2" || vocabulary.model == "gemma4";
}

bool ends_lines_whole(std::string_view name) noexcept {
  const GgufPre* pre = find_gguf_pre(name);
  return pre != nullptr && pre->whole_line_ends;
}

std::span<const GgufPre> gguf_pres() noexcept { return kPres; }

std::string missing_pre_warning(const std::string& file) {
  return fmt::format(
      "{}: tokenizer.ggml.pre is missing, so nothing says how a text is cut into words; the ids "
      "may "
      "not be those that the model was trained on",
      quoted(file));
}

}  // namespace lathe
