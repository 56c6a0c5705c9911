// A sequence as a file: its tokens, their keys and values, and which model they are of.
//
//   offset  bytes
//        0      8  "LTHSEQN1"
//        8      8  t: tokens
//       16      8  the first page that is there: earlier ones have left the sliding window
//       24      8  p: pages
//       32      8  b: bytes of a page
//       40      8  n: bytes of the next text
//       48      n  the model's fingerprint, a newline, the fingerprint of the KV layout
//             4·t  token ids
//               8  XXH3-64 of all bytes before
//       p·(b + 8)  the pages (lib/model/kv_cache.h), behind each its XXH3-64
//
// Numbers are little-endian. Written from the first byte to the last, so that it may go through
// a pipe one day. Errors name the file. Belongs to the session's thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/session.h"

namespace lathe {

// Writes a sequence, which holds exactly `tokens`. Throws kIo.
void write_sequence(Session& session, SequenceId sequence, std::span<const TokenId> tokens,
                    const std::string& path, bool overwrite);

// Fills an empty sequence with what a file holds; returns its tokens. Throws kIo; kInvalid (a
// damaged file; one of another model, or of keys and values of another kind); kLimit when it does
// not fit the session. The sequence is empty then.
std::vector<TokenId> read_sequence(Session& session, SequenceId sequence, const std::string& path);

}  // namespace lathe
