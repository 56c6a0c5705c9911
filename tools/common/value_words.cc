#include "common/value_words.h"

#include "lathe/chat.h"
#include "lathe/quantize.h"
#include "lathe/synthetic.h"

namespace lathe::tool {

std::vector<std::string> value_words(std::string_view type_name) {
  if (type_name == "FILE|NAME") return ChatTemplate::names();
  if (type_name == "SHAPE") return synthetic_shapes();
  if (type_name == "SCHEME") return quantize_scheme_names();
  return {};
}

}  // namespace lathe::tool
