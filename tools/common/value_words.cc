#include "common/value_words.h"

#include "lathe/chat.h"
#include "lathe/synthetic.h"

namespace lathe::tool {

std::vector<std::string> value_words(std::string_view type_name) {
  if (type_name == "FILE|NAME") return ChatTemplate::names();
  if (type_name == "SHAPE") return synthetic_shapes();
  if (type_name == "SCHEME") {
    return {"w4",      "w5",      "w6",       "w8",     "w4g32",  "w4g64", "w4g32a", "w4g64d",
            "w4nlg32", "w4nlg64", "w4nlg32d", "w5g32d", "w6g32d", "w8r",   "w8g32",  "w8g32a",
            "w8g32x",  "q8_0",    "q4_0",     "q4_1",   "f32",    "f16",   "bf16",   "keep"};
  }
  return {};
}

}  // namespace lathe::tool
