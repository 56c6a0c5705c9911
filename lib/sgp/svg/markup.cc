#include "sgp/svg/markup.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/fail.h"
#include "base/utf8.h"
#include "sgp/svg/number.h"

namespace lathe::svg {
namespace {

bool is_name(char c) { return !is_space(c) && c != '=' && c != '>' && c != '/' && c != '<'; }

std::string_view local(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

constexpr std::size_t kMaxEntityText = 1 << 16;

}  // namespace

Markup::Markup(std::string_view text) : text_(text) {
  read();
  for (int i = 0; i < size(); ++i) {
    if (const Attribute* id = find((*this)[i], "id")) ids_.try_emplace(value(*id), i);
  }
}

void Markup::read() {
  while (true) {
    at_ = text_.find('<', at_);
    if (at_ == std::string_view::npos) break;
    if (at("<!--")) {
      skip_to("-->", "a comment");
    } else if (at("<![CDATA[")) {
      skip_to("]]>", "a CDATA section");
    } else if (at("<?")) {
      skip_to("?>", "a processing instruction");
    } else if (at("<!")) {
      doctype();
    } else if (at("</")) {
      end_tag();
    } else if (at_ + 1 < text_.size() && is_name(text_[at_ + 1])) {
      start_tag();
    } else {
      ++at_;  // a stray "<" in text
    }
  }
  for (const int i : open_) {  // never closed: to the end
    Element& e = elements_[static_cast<std::size_t>(i)];
    e.close = e.close_end = text_.size();
  }
}

void Markup::skip_to(std::string_view end, std::string_view what) {
  const std::size_t found = text_.find(end, at_);
  if (found == std::string_view::npos) {
    fail_invalid("the markup breaks off inside {} that begins at byte {}", what, at_);
  }
  at_ = found + end.size();
}

// Passes over a DOCTYPE, and notes the entities that its internal subset declares.
void Markup::doctype() {
  const std::size_t begin = at_;
  int brackets = 0;
  char quote = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[') {
      ++brackets;
    } else if (c == ']') {
      --brackets;
    } else if (c == '>' && brackets <= 0) {
      break;
    }
  }
  if (at_ == text_.size())
    fail_invalid("the markup breaks off inside a declaration at byte {}", begin);
  ++at_;
  constexpr std::string_view kEntity = "<!ENTITY";
  const std::string_view all = text_.substr(begin, at_ - begin);
  for (std::size_t i = 0; (i = all.find(kEntity, i)) != std::string_view::npos;) {
    i += kEntity.size();
    while (i < all.size() && is_space(all[i])) ++i;
    const std::size_t name = i;
    while (i < all.size() && is_name(all[i])) ++i;
    const std::string_view key = all.substr(name, i - name);
    while (i < all.size() && is_space(all[i])) ++i;
    if (i >= all.size() || (all[i] != '"' && all[i] != '\'')) continue;
    const std::size_t end = all.find(all[i], i + 1);
    if (end == std::string_view::npos) break;
    entities_.try_emplace(std::string(key), all.substr(i + 1, end - i - 1));
    i = end;
  }
}

void Markup::start_tag() {
  if (elements_.size() >= kMaxElements) {
    fail(ErrorCode::kLimit, "more than {} elements", kMaxElements);
  }
  if (open_.size() >= static_cast<std::size_t>(kMaxDepth)) {
    fail(ErrorCode::kLimit, "elements nested more than {} deep", kMaxDepth);
  }
  Element e;
  e.begin = at_++;
  const std::size_t name = at_;
  while (at_ < text_.size() && is_name(text_[at_])) ++at_;
  e.name_end = at_;
  e.name = local(text_.substr(name, at_ - name));
  e.name_begin = e.name_end - e.name.size();
  e.parent = open_.empty() ? -1 : open_.back();
  attributes(e);
  const int index = size();
  elements_.push_back(std::move(e));
  Element& put = elements_.back();
  if (put.empty) return;
  // Text that is no markup.
  if (put.name == "script" || put.name == "style") {
    std::size_t end = at_;
    while (true) {
      end = text_.find('<', end);
      if (end == std::string_view::npos) break;
      const std::string_view rest = text_.substr(end);
      if (rest.starts_with("</")) break;
      if (rest.starts_with("<![CDATA[")) {
        end = text_.find("]]>", end);
        if (end == std::string_view::npos) break;
      }
      ++end;
    }
    at_ = std::min(end, text_.size());
  }
  open_.push_back(index);
}

void Markup::attributes(Element& e) {
  while (true) {
    const std::size_t before = at_;
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ >= text_.size()) {
      fail_invalid("the markup breaks off inside the tag that begins at byte {}", e.begin);
    }
    if (text_[at_] == '>') {
      e.start_end = ++at_;
      return;
    }
    if (text_[at_] == '/' || text_[at_] == '<' || text_[at_] == '=') {
      if (text_[at_] == '<') fail_invalid("a tag begins inside the tag at byte {}", e.begin);
      if (text_.substr(at_).starts_with("/>")) {
        at_ += 2;
        e.start_end = at_;
        e.empty = true;
        return;
      }
      ++at_;
      continue;
    }
    Attribute a;
    a.begin = before;
    const std::size_t name = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    a.name = text_.substr(name, at_ - name);
    std::size_t after = at_;
    while (after < text_.size() && is_space(text_[after])) ++after;
    if (after < text_.size() && text_[after] == '=') {
      ++after;
      while (after < text_.size() && is_space(text_[after])) ++after;
      at_ = after;
      if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
        const std::size_t end = text_.find(text_[at_], at_ + 1);
        if (end == std::string_view::npos) {
          fail_invalid("the quote at byte {} is never closed", at_);
        }
        a.value = at_ + 1;
        a.value_end = end;
        at_ = end + 1;
      } else {
        a.quoted = false;
        a.value = at_;
        while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '>') ++at_;
        // "<circle r=5/>": the slash ends the tag.
        if (at_ > a.value && text_[at_ - 1] == '/' && at_ < text_.size() && text_[at_] == '>')
          --at_;
        a.value_end = at_;
      }
    } else {
      a.value = a.value_end = at_;
      a.quoted = false;
    }
    a.end = at_;
    e.attributes.push_back(a);
  }
}

void Markup::end_tag() {
  const std::size_t begin = at_;
  at_ += 2;
  const std::size_t name = at_;
  while (at_ < text_.size() && is_name(text_[at_])) ++at_;
  const std::size_t name_end = at_;
  const std::string_view wanted = local(text_.substr(name, name_end - name));
  const std::size_t close = text_.find('>', at_);
  if (close == std::string_view::npos) {
    fail_invalid("the markup breaks off inside the tag that begins at byte {}", begin);
  }
  at_ = close + 1;
  const auto found = std::find_if(open_.rbegin(), open_.rend(), [&](int i) {
    return elements_[static_cast<std::size_t>(i)].name == wanted;
  });
  if (found == open_.rend()) return;  // closes nothing
  const auto keep = static_cast<std::size_t>(open_.rend() - found) - 1;
  for (std::size_t i = keep; i < open_.size(); ++i) {
    Element& e = elements_[static_cast<std::size_t>(open_[i])];
    e.close = e.close_end = begin;
  }
  Element& e = elements_[static_cast<std::size_t>(open_[keep])];
  e.close_end = at_;
  e.close_name = name_end - wanted.size();
  e.close_name_end = name_end;
  open_.resize(keep);
}

const Attribute* Markup::find(const Element& e, std::string_view name) const {
  for (const Attribute& a : e.attributes) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

const Attribute* Markup::find_local(const Element& e, std::string_view name) const {
  if (const Attribute* exact = find(e, name)) return exact;
  for (const Attribute& a : e.attributes) {
    if (local(a.name) == name) return &a;
  }
  return nullptr;
}

bool Markup::has_entity(const Attribute& a) const {
  return text_.substr(a.value, a.value_end - a.value).find('&') != std::string_view::npos;
}

std::string Markup::value(const Element& e, std::string_view name) const {
  const Attribute* a = find(e, name);
  return a == nullptr ? std::string() : value(*a);
}

std::string Markup::value(const Attribute& a) const {
  const std::string_view raw = text_.substr(a.value, a.value_end - a.value);
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t amp = raw.find('&', at);
    out += raw.substr(at, amp - at);
    if (amp == std::string_view::npos) return out;
    const std::size_t end = raw.find(';', amp);
    if (end == std::string_view::npos) return out += raw.substr(amp);
    const std::string_view name = raw.substr(amp + 1, end - amp - 1);
    at = end + 1;
    if (name.starts_with('#')) {
      const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
      const char* first = name.data() + (hex ? 2 : 1);
      std::uint32_t code = 0;
      std::from_chars(first, name.data() + name.size(), code, hex ? 16 : 10);
      const bool scalar = code != 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
      append_utf8(scalar ? static_cast<char32_t>(code) : U'\uFFFD', out);
    } else if (name == "lt") {
      out += '<';
    } else if (name == "gt") {
      out += '>';
    } else if (name == "amp") {
      out += '&';
    } else if (name == "quot") {
      out += '"';
    } else if (name == "apos") {
      out += '\'';
    } else if (const auto found = entities_.find(name); found != entities_.end()) {
      // One level, bounded: entities that hold entities are how such files explode.
      if (out.size() + found->second.size() > raw.size() + kMaxEntityText) return out;
      out += found->second;
    } else {
      out += raw.substr(amp, at - amp);
    }
  }
}

int Markup::by_id(std::string_view id) const {
  const auto found = ids_.find(id);
  return found == ids_.end() ? -1 : found->second;
}

std::string Markup::content(const Element& e) const {
  if (e.empty || e.close <= e.start_end) return {};
  std::string out;
  std::string_view inside = text_.substr(e.start_end, e.close - e.start_end);
  while (!inside.empty()) {
    constexpr std::string_view kOpen = "<![CDATA[";
    const std::size_t at = inside.find(kOpen);
    out += inside.substr(0, at);
    if (at == std::string_view::npos) break;
    inside.remove_prefix(at + kOpen.size());
    const std::size_t end = inside.find("]]>");
    out += inside.substr(0, end);
    if (end == std::string_view::npos) break;
    inside.remove_prefix(end + 3);
  }
  return out;
}

std::string apply_edits(std::string_view text, std::vector<Edit> edits) {
  std::stable_sort(edits.begin(), edits.end(),
                   [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  std::string out;
  out.reserve(text.size() + 64 * edits.size());
  std::size_t at = 0;
  for (const Edit& edit : edits) {
    if (edit.begin < at) continue;  // an attribute given twice
    out += text.substr(at, edit.begin - at);
    out += edit.text;
    at = edit.end;
  }
  return out += text.substr(at);
}

}  // namespace lathe::svg
