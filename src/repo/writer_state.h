// What the parts of a writer share.
#pragma once

#include <mutex>
#include <optional>

#include "repo/commit_check.h"
#include "repo/condemned.h"
#include "repo/damage_mark.h"
#include "repo/lease.h"
#include "repo/writer.h"

namespace holdfast::repo {

struct Writer::State {
  State(Writer& writer, const Repository& repository_in, WriterOptions options_in);

  // Thread-safe: puts a finished pack and binds its name.
  void PutPack(const PackId& provisional, FinishedPack pack);

  const Repository& repository;
  const WriterOptions options;
  PackNames names;
  std::optional<Lease> lease;

  mutable std::mutex mutex;  // guards the following
  CondemnedPacks condemned;
  DamagedPacks damaged;
  NeededPacks needed;
  WriterStats stats;

  MetaWriter meta;
};

}  // namespace holdfast::repo
