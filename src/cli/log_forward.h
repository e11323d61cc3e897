// WAL on its way from a source's repository to one of its copies, time after time.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/copy_source.h"
#include "cli/session.h"
#include "pg/lsn.h"
#include "replicate/log_copy.h"
#include "repo/repository.h"

namespace holdfast::cli {

// A file of WAL that was pushed.
struct PushedFile {
  pg::SystemIdentifier system;
  std::string name;
};

// One thread.
class LogForward {
 public:
  // `session` and `from` must outlive it.
  LogForward(Session& session, const repo::Repository& from, CopyRequest request)
      : session_(session), from_(from), request_(std::move(request)) {}

  const CopyRequest& request() const { return request_; }

  // Brings what is new. What did not get there, in words, or nothing ("") was wrong. Empty: the
  // copy has no backup yet, and gets its WAL with the first. Throws where the copy cannot be had.
  std::optional<std::string> Once(const std::stop_token& stop);
  // Brings these, to a copy that has all else. Throws where one does not get there.
  void Bring(const std::vector<PushedFile>& files, const std::stop_token& stop);

  // The two repositories, in words for machines. Throws where the copy cannot be had.
  std::string Pair();

 private:
  std::optional<std::string> TryOnce(const std::stop_token& stop);
  void Forget();
  const repo::Repository& To();
  // False where the target has no backup.
  bool Prepare();

  Session& session_;
  const repo::Repository& from_;
  const CopyRequest request_;
  std::optional<repo::Repository> to_;
  replicate::WantsSegment wants_;
  replicate::SegmentNames after_;
  std::vector<pg::SystemIdentifier> systems_;
};

}  // namespace holdfast::cli
