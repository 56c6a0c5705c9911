// Judges that are commands: one process for each text, or one that stays.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "lathe/answer_check.h"
#include "lathe/host/temporary_folder.h"

#include "common/child_group.h"
#include "generate/check_command.h"

namespace lathe::tool {

// Exit status 0 accepts, 75 (EX_TEMPFAIL) says that it is too early to say, 126 and 127 (of shells)
// that the command cannot be run; all else rejects, also a signal and the end of the time.
class CommandJudge final : public AnswerJudge {
 public:
  CommandJudge(CheckCommand command, double timeout);
  CheckVerdict judge(const CheckedText& text, const std::atomic<bool>& given_up) override;

 private:
  CheckCommand command_;
  double timeout_;
  std::optional<TemporaryFolder> folder_;
  std::atomic<std::uint64_t> files_ = 0;
};

// A process that is asked in turn, by check_question() on its standard input, and answers on its
// standard output. One that does not answer in time, or ends, has rejected the text, and another is
// started for the next; one that does so with its first text does not work.
class ServerJudge final : public AnswerJudge {
 public:
  ServerJudge(CheckCommand command, double timeout);
  CheckVerdict judge(const CheckedText& text, const std::atomic<bool>& given_up) override;

 private:
  enum class Reply : std::uint8_t { kLine, kEnded, kLate, kFlood, kGivenUp };
  void hear_last_words();
  Reply exchange(std::string_view question, const std::atomic<bool>& given_up, std::string& line);
  bool take_line(std::string& line);

  CheckCommand command_;
  double timeout_;
  std::mutex mutex_;
  std::unique_ptr<ChildGroup> process_;
  bool has_answered_ = false;  // this process
  std::string output_;         // what was read behind the last line
  std::string errors_;         // the end of it
  std::uint64_t id_ = 0;
};

}  // namespace lathe::tool
