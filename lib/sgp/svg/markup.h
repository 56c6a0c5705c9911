// SVG markup as a list of elements that remember where in the text they stand.
//
// A tolerant reader: comments, CDATA, processing instructions and a DOCTYPE with entities are
// passed over, values may lack quotes, end tags may be missing. It finds its way in whatever a
// model or a person wrote, and never changes a byte: changes are Edits, applied at the end.
//
// Errors: kInvalid for what no reader could follow (a tag or a quote that never ends), kLimit
// for more than kMaxElements or kMaxDepth. Plain data; thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::svg {

inline constexpr std::size_t kMaxElements = 200'000;
inline constexpr int kMaxDepth = 500;

struct Attribute {
  std::string_view name;                 // with its prefix
  std::size_t begin = 0, end = 0;        // the whole, from the space before it
  std::size_t value = 0, value_end = 0;  // without quotes
  bool quoted = true;
};

struct Element {
  std::string_view name;                           // without its prefix
  std::size_t name_begin = 0, name_end = 0;        // of the local name, in the start tag
  std::size_t begin = 0, start_end = 0;            // the start tag, "<" to after ">"
  std::size_t close = 0, close_end = 0;            // the end tag; equal where there is none
  std::size_t close_name = 0, close_name_end = 0;  // of the local name, in the end tag
  bool empty = false;                              // "<a/>"
  int parent = -1;
  std::vector<Attribute> attributes;

  std::size_t end() const { return close_end > start_end ? close_end : start_end; }
};

class Markup {
 public:
  // `text` must outlive this.
  explicit Markup(std::string_view text);

  std::string_view text() const { return text_; }
  const std::vector<Element>& elements() const { return elements_; }  // in the text's order
  const Element& operator[](int i) const { return elements_[static_cast<std::size_t>(i)]; }
  int size() const { return static_cast<int>(elements_.size()); }

  const Attribute* find(const Element& e, std::string_view name) const;
  // By local name: "href" finds "xlink:href".
  const Attribute* find_local(const Element& e, std::string_view name) const;
  // The value with entities replaced; "" when absent.
  std::string value(const Element& e, std::string_view name) const;
  std::string value(const Attribute& a) const;
  bool has_entity(const Attribute& a) const;
  // Element by its id, the first of that name; -1 for none.
  int by_id(std::string_view id) const;
  // The text inside, without tags, CDATA unwrapped.
  std::string content(const Element& e) const;

 private:
  void read();
  void start_tag();
  void end_tag();
  void doctype();
  void attributes(Element& e);
  bool at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void skip_to(std::string_view end, std::string_view what);

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Element> elements_;
  std::vector<int> open_;
  std::map<std::string, int, std::less<>> ids_;
  std::map<std::string, std::string, std::less<>> entities_;
};

// One replacement; begin == end inserts.
struct Edit {
  std::size_t begin = 0, end = 0;
  std::string text;
};

// Edits must not overlap; those at one place are applied in the order in which they were added.
std::string apply_edits(std::string_view text, std::vector<Edit> edits);

}  // namespace lathe::svg
