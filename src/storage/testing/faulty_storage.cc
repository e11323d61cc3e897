#include "storage/testing/faulty_storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::storage {

namespace {

[[noreturn]] void ThrowUnavailable(std::string_view name) {
  throw base::Error(base::ErrorKind::kUnavailable, fmt::format("the store failed at {}", name));
}

bool HasKind(const std::optional<Fault>& fault, FaultKind kind) {
  return fault && fault->kind == kind;
}

// What a fault of the body makes of it.
base::Bytes Damaged(base::ByteView contents, const std::optional<Fault>& fault) {
  base::Bytes damaged(contents.begin(), contents.end());
  if (HasKind(fault, FaultKind::kTruncate)) {
    damaged.resize(std::min<std::uint64_t>(fault->byte, damaged.size()));
  }
  if (HasKind(fault, FaultKind::kFlipBit) && fault->byte < damaged.size()) {
    damaged[fault->byte] ^= 1U;
  }
  return damaged;
}

std::optional<base::Bytes> Damaged(const std::optional<base::Bytes>& contents,
                                   const std::optional<Fault>& fault) {
  if (!contents) return std::nullopt;
  return Damaged(base::ByteView(*contents), fault);
}

std::string_view NameToAsk(std::string_view name, const std::optional<Fault>& fault) {
  return HasKind(fault, FaultKind::kWrongObject) ? std::string_view(fault->other) : name;
}

}  // namespace

void FaultyStorage::Inject(Fault fault) {
  state_.With([&](State& state) { state.faults.push_back({.fault = std::move(fault)}); });
}

void FaultyStorage::ClearFaults() {
  state_.With([](State& state) { state.faults.clear(); });
}

std::uint64_t FaultyStorage::call_count() const {
  return state_.With([](const State& state) { return state.calls; });
}

bool FaultyStorage::crashed() const {
  return state_.With([](const State& state) { return state.crashed; });
}

void FaultyStorage::Recover() {
  const auto lost = state_.With([](State& state) {
    state.faults.clear();
    const bool was_crashed = std::exchange(state.crashed, false);
    auto names = std::exchange(state.lost_after_crash, {});
    return was_crashed ? names : std::vector<std::string>{};
  });
  for (const std::string& name : lost) below_->Remove(name);
}

void FaultyStorage::RememberListing() {
  auto objects = ListAll(*below_, "");
  state_.With([&](State& state) { state.remembered = std::move(objects); });
}

void FaultyStorage::SetClockSkew(base::Duration skew) {
  state_.With([&](State& state) { state.skew = skew; });
}

void FaultyStorage::FlipBitAtRest(std::string_view name, std::uint64_t byte) {
  base::Bytes contents = GetExisting(*below_, name);
  contents.at(byte) ^= 1U;
  Replace(name, contents);
}

void FaultyStorage::TruncateAtRest(std::string_view name, std::uint64_t size) {
  const base::Bytes contents = GetExisting(*below_, name);
  Replace(name, base::ByteView(contents).first(std::min<std::uint64_t>(size, contents.size())));
}

void FaultyStorage::Replace(std::string_view name, base::ByteView contents) {
  below_->Remove(name);
  if (below_->Put(name, contents) != PutOutcome::kStored) {
    throw base::Error(base::ErrorKind::kInternal,
                      fmt::format("{} came back while it was damaged", name));
  }
}

// Counts the request and finds the fault that strikes it.
std::optional<Fault> FaultyStorage::Strike(Verb verb, std::string_view name) {
  return state_.With([&](State& state) -> std::optional<Fault> {
    if (state.crashed) throw SimulatedCrash();
    ++state.calls;
    std::optional<Fault> striking;
    for (auto& [fault, seen] : state.faults) {
      if ((fault.verb && *fault.verb != verb) || !name.starts_with(fault.prefix)) continue;
      const std::uint64_t number = seen++;
      const bool strikes = number >= fault.call && number - fault.call < fault.times;
      if (strikes && !striking) striking = fault;
    }
    // Other threads must not get anything done after the crash; this one still carries out its
    // request.
    if (HasKind(striking, FaultKind::kCrashNotApplied) ||
        HasKind(striking, FaultKind::kCrashApplied)) {
      state.crashed = true;
    }
    return striking;
  });
}

// `request(fault)` carries the request out, with the faults of bodies and listings.
template <typename Request>
auto FaultyStorage::Run(Verb verb, std::string_view name, Request&& request) {
  const std::optional<Fault> fault = Strike(verb, name);
  if (HasKind(fault, FaultKind::kFailNotApplied)) ThrowUnavailable(name);
  if (HasKind(fault, FaultKind::kCrashNotApplied)) throw SimulatedCrash();
  if (HasKind(fault, FaultKind::kFailApplied)) {
    static_cast<void>(request(fault));
    ThrowUnavailable(name);
  }
  if (HasKind(fault, FaultKind::kCrashApplied)) {
    static_cast<void>(request(fault));
    throw SimulatedCrash();
  }
  return request(fault);
}

PutOutcome FaultyStorage::Put(std::string_view name, base::ByteView contents) {
  return Run(Verb::kPut, name, [&](const std::optional<Fault>& fault) {
    const PutOutcome outcome = below_->Put(name, Damaged(contents, fault));
    if (outcome == PutOutcome::kStored && HasKind(fault, FaultKind::kLoseAfterCrash)) {
      state_.With([&](State& state) { state.lost_after_crash.emplace_back(name); });
    }
    return outcome;
  });
}

std::optional<base::Bytes> FaultyStorage::Get(std::string_view name) {
  return Run(Verb::kGet, name, [&](const std::optional<Fault>& fault) {
    return Damaged(below_->Get(NameToAsk(name, fault)), fault);
  });
}

std::optional<base::Bytes> FaultyStorage::GetRange(std::string_view name, std::uint64_t offset,
                                                   std::uint64_t length) {
  return Run(Verb::kGetRange, name, [&](const std::optional<Fault>& fault) {
    return Damaged(below_->GetRange(NameToAsk(name, fault), offset, length), fault);
  });
}

std::optional<ObjectInfo> FaultyStorage::Stat(std::string_view name) {
  return Run(Verb::kStat, name, [&](const std::optional<Fault>& fault) {
    auto object = below_->Stat(NameToAsk(name, fault));
    if (!object) return object;
    object->name = name;
    return std::optional(Skewed(*object));
  });
}

void FaultyStorage::List(std::string_view prefix, std::string_view after,
                         const std::function<void(const ObjectInfo&)>& visit) {
  Run(Verb::kList, prefix, [&](const std::optional<Fault>& fault) {
    std::uint64_t given = 0;
    const auto give = [&](const ObjectInfo& object) {
      if (HasKind(fault, FaultKind::kTruncate) && given == fault->byte) ThrowUnavailable(prefix);
      ++given;
      visit(Skewed(object));
    };
    if (HasKind(fault, FaultKind::kStaleListing)) {
      const auto remembered = state_.With([](const State& state) { return state.remembered; });
      for (const ObjectInfo& object : remembered) {
        if (object.name.starts_with(prefix) && object.name > after) give(object);
      }
      return;
    }
    below_->List(prefix, after, give);
    if (HasKind(fault, FaultKind::kTruncate)) ThrowUnavailable(prefix);
  });
}

RemoveOutcome FaultyStorage::Remove(std::string_view name) {
  return Run(Verb::kRemove, name,
             [&](const std::optional<Fault>&) { return below_->Remove(name); });
}

base::Time FaultyStorage::StoreTime() {
  return Run(Verb::kStoreTime, "", [&](const std::optional<Fault>&) {
    return below_->StoreTime() + state_.With([](const State& state) { return state.skew; });
  });
}

ObjectInfo FaultyStorage::Skewed(ObjectInfo object) const {
  object.modified += state_.With([](const State& state) { return state.skew; });
  return object;
}

}  // namespace holdfast::storage
