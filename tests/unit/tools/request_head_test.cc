#include "serve/request_head.h"

#include <gtest/gtest.h>
#include <string>

#include "support/mutate.h"

namespace lathe::tool {
namespace {

const std::string kSound =
    "POST /v1/completions HTTP/1.1\r\nHost: a:80\r\nContent-Length: 12\r\nX-Y:  a\tb \r\n\r\n";

TEST(RequestHead, SoundOnesPass) {
  for (const char* head : {kSound.c_str(), "GET / HTTP/1.0\r\n\r\n",
                           "GET /v1/models/a%20b?x=1 HTTP/1.1\r\nhost:\r\n\r\n",
                           "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
                           "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"}) {
    EXPECT_EQ(head_problem(head), std::nullopt) << head;
  }
}

std::string with(const std::string& headers) {
  return "POST /a HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n\r\n";
}

TEST(RequestHead, WhatCanBeReadInTwoWaysIsNamed) {
  const struct {
    std::string head;
    const char* problem;
  } cases[] = {
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), "a length and a transfer"},
      {with("Content-Length: 5\r\nContent-Length: 6"), "two lengths"},
      {with("Content-Length: 5\r\ncontent-length: 5"), "two lengths"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), "two transfer"},
      {with("Transfer-Encoding: chunked, identity"), "transfer encoding"},
      {with("Transfer-Encoding: xchunked"), "transfer encoding"},
      {with("Transfer-Encoding: \"chunked\""), "transfer encoding"},
      {with("Transfer-Encoding : chunked"), "name is none"},
      {with("Transfer-Encoding\x0b: chunked"), "control character"},
      {with("X: a\r\n Transfer-Encoding: chunked"), "continued"},
      {with("X: a\nTransfer-Encoding: chunked"), "half a line break"},
      {with("X: a\rTransfer-Encoding: chunked"), "half a line break"},
      {with(std::string("X: a\0b", 6)), "control character"},
      {with("no colon"), "no colon"},
      {with(": empty"), "name is none"},
      {with("Content-Length: +5"), "no number"},
      {with("Content-Length: 5, 5"), "no number"},
      {with("Content-Length: 0x5"), "no number"},
      {with("Content-Length: -5"), "no number"},
      {with("Content-Length:"), "no number"},
      {with("Content-Length: 99999999999999999999"), "no number"},
      {with("Host: b"), "2 hosts"},
      {"GET /a HTTP/1.1\r\n\r\n", "0 hosts"},
      {"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "only a POST"},
      {"GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "only a POST"},
      {with("X: y"), "no length"},
      {"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer encoding"},
      {"GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n", "begin with /"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "begin with /"},
      {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "blank"},
      {"GET  /a HTTP/1.1\r\nHost: a\r\n\r\n", "begin with /"},
      {"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "ASCII"},
      {"GET /a HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1"},
      {"GET /a\r\nHost: a\r\n\r\n", "METHOD TARGET VERSION"},
      {"G@T /a HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
      {"\r\n\r\n", "no request line"},
      {"", "no request line"},
      {"GET /a HTTP/1.1\r\nHost: a", "does not end"},
  };
  for (const auto& one : cases) {
    const auto problem = head_problem(one.head);
    ASSERT_TRUE(problem) << one.head;
    EXPECT_NE(problem->find(one.problem), std::string::npos) << one.head << "\n" << *problem;
  }
}

// Of what passes, somebody else would read the same.
TEST(RequestHead, MutantsThatPassHaveOneLengthAtMost) {
  test::Mutator mutator(7);
  int sound = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string head = mutator.mutant(kSound, kSound.size());
    if (head_problem(head)) continue;
    ++sound;
    const std::string_view text = std::string_view(head).substr(0, head.find("\r\n\r\n") + 4);
    for (std::size_t at = 0; at < text.size(); ++at) {
      const bool sound = (text[at] != '\n' || (at > 0 && text[at - 1] == '\r')) &&
                         (text[at] != '\r' || (at + 1 < text.size() && text[at + 1] == '\n'));
      EXPECT_TRUE(sound);
    }
    EXPECT_EQ(text.find('\0'), text.npos);
  }
  EXPECT_GT(sound, 100);
}

}  // namespace
}  // namespace lathe::tool
