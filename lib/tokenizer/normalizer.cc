#include "tokenizer/normalizer.h"

#include <nlohmann/json.hpp>
#include <utf8proc.h>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/json_pattern.h"
#include "tokenizer/unicode.h"

namespace lathe {
namespace {

class Forms final : public Normalizer {
 public:
  explicit Forms(NormalForm form) : form_(form) {}
  void step(std::string& text, RegexScratch&, Growth& growth) const override {
    const std::size_t before = text.size();
    text = normal_form(text, form_);
    growth.change(before, text.size());
  }

 private:
  NormalForm form_;
};

template <typename Change>  // void(char32_t, std::string& out)
void each_char(std::string& text, Change&& change) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(std::string_view(text).substr(at));
    change(c.code, out);
    at += c.length;
  }
  text = std::move(out);
}

class Lowercase final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch&, Growth&) const override {
    each_char(text, [](char32_t c, std::string& out) {
      if (c == 0x130) {  // the one character whose lower case is two
        out += "i\xcc\x87";
      } else {
        append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
      }
    });
  }
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void step(std::string& text, RegexScratch&, Growth&) const override {
    if (right_) text.resize(text.size() - trailing_space(text));
    if (left_) text.erase(0, leading_space(text));
  }

 private:
  bool left_, right_;
};

class StripAccents final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch&, Growth&) const override {
    each_char(text, [](char32_t c, std::string& out) {
      if (!is_combining_mark(c)) append_utf8(c, out);
    });
  }
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}
  void step(std::string& text, RegexScratch&, Growth& growth) const override {
    if (text.empty()) return;
    growth.take(text_.size());
    text.insert(0, text_);
  }

 private:
  std::string text_;
};

class ByteLevel final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch&, Growth& growth) const override {
    const std::size_t before = text.size();
    text = to_byte_level(text);
    growth.change(before, text.size());
  }
};

class Replace final : public Normalizer {
 public:
  Replace(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void step(std::string& text, RegexScratch& scratch, Growth& growth) const override {
    pattern_.replace_all(text, content_, scratch, growth);
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

class Chain final : public Normalizer {
 public:
  explicit Chain(std::vector<std::unique_ptr<const Normalizer>> parts) : parts_(std::move(parts)) {}
  void step(std::string& text, RegexScratch& scratch, Growth& growth) const override {
    for (const auto& part : parts_) part->step(text, scratch, growth);
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> parts_;
};

std::unique_ptr<const Normalizer> make_step(const JsonView& value, const std::string& type,
                                            const std::string& file) {
  if (type == "NFC") return std::make_unique<Forms>(NormalForm::kNfc);
  if (type == "NFD") return std::make_unique<Forms>(NormalForm::kNfd);
  if (type == "NFKC") return std::make_unique<Forms>(NormalForm::kNfkc);
  if (type == "NFKD") return std::make_unique<Forms>(NormalForm::kNfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "Strip") {
    return std::make_unique<Strip>(value.get_bool("strip_left").value_or(true),
                                   value.get_bool("strip_right").value_or(true));
  }
  if (type == "Prepend") return std::make_unique<Prepend>(value.at("prepend").as_string());
  if (type == "Replace") {
    return std::make_unique<Replace>(read_pattern(value.at("pattern"), file),
                                     value.at("content").as_string());
  }
  fail_unsupported("{}: the normalizer {} is not supported", quoted(file), quoted(type));
}

void add_steps(const JsonView& value, const std::string& file,
               std::vector<std::unique_ptr<const Normalizer>>& steps) {
  const std::string type = value.at("type").as_string();
  if (type == "Sequence") {
    for (const JsonView& part : value.at("normalizers").items()) add_steps(part, file, steps);
    return;
  }
  check_steps(steps.size() + 1, "normalizer", file);
  steps.push_back(make_step(value, type, file));
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const JsonView& value, const std::string& file) {
  std::vector<std::unique_ptr<const Normalizer>> steps;
  add_steps(value, file, steps);
  if (steps.size() == 1) return std::move(steps.front());
  return std::make_unique<Chain>(std::move(steps));
}

}  // namespace lathe
