#include "repo/lease.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "base/error.h"
#include "base/host_name.h"
#include "base/random.h"
#include "repo/json_text.h"

namespace holdfast::repo {

namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr int kMaxListings = 10;
constexpr base::Duration kRetryAfter = std::chrono::minutes(1);

json PinsToJson(const std::vector<BackupId>& pins) {
  json list = json::array();
  for (const BackupId& pin : pins) list.push_back(pin.ToString());
  return list;
}

// False when a lease vanished after it was listed: it may have been renewed under a name that the
// listing missed.
bool ReadLeases(storage::Storage& storage, std::map<std::string, LeaseInfo>& newest) {
  for (const storage::ObjectInfo& object : storage::ListAll(storage, kLeasesPrefix)) {
    const std::optional<base::Bytes> contents = storage.Get(object.name);
    if (!contents) return false;
    LeaseInfo info = ParseLease(object, *contents);
    const std::string writer = info.writer;
    newest.insert_or_assign(writer, std::move(info));
  }
  return true;
}

}  // namespace

LeaseInfo ParseLease(const storage::ObjectInfo& object, base::ByteView contents) {
  const std::string what = fmt::format("the lease {}", object.name);
  const json lease = ParseJsonObject(base::AsText(contents), what);
  return ReadJson(what, [&] {
    LeaseInfo info;
    info.object = object.name;
    info.writer = lease.at("writer").get<std::string>();
    info.kind = lease.at("kind").get<std::string>();
    info.host = lease.at("host").get<std::string>();
    for (const json& pin : lease.at("pins")) {
      info.pins.push_back(BackupId::Parse(pin.get<std::string>()));
    }
    if (lease.contains("log")) {
      const json& log = lease.at("log");
      info.log = LogRange{.system = ToNumber(log.at("system")),
                          .timeline = log.at("timeline").get<std::uint32_t>(),
                          .start = ToNumber(log.at("start")),
                          .stop = 0};
    }
    if (lease.contains("backup")) {
      info.backup = BackupId::Parse(lease.at("backup").get<std::string>());
    }
    info.started = ToTime(lease.at("started_at"));
    info.heartbeat = object.modified;
    return info;
  });
}

struct Lease::State {
  const Repository& repository;
  const LeaseDraft draft;
  const std::string writer = base::RandomHex(8);
  const base::Time started;

  std::mutex mutex;
  std::uint32_t number = 0;
  std::chrono::steady_clock::time_point next;

  std::string Object(std::uint32_t n) const {
    return fmt::format("{}{}/{:08}", kLeasesPrefix, writer, n);
  }

  base::Bytes Contents() const {
    json lease = {{"writer", writer},
                  {"kind", draft.kind},
                  {"host", base::HostName()},
                  {"pid", getpid()},
                  {"started_at", ToJson(started)},
                  {"heartbeat_at", ToJson(repository.clock().Now())},
                  {"pins", PinsToJson(draft.pins)}};
    if (draft.log) {
      lease["log"] = {{"system", ToJson(draft.log->system)},
                      {"timeline", draft.log->timeline},
                      {"start", ToJson(draft.log->start)}};
    }
    if (draft.backup) lease["backup"] = draft.backup->ToString();
    return base::ToBytes(DumpJson(lease));
  }

  // The name is this writer's alone: an object that is already there was put by an attempt whose
  // answer was lost.
  void Put(std::uint32_t n) { (void)repository.storage().Put(Object(n), Contents()); }

  void RemoveQuietly(std::uint32_t n) noexcept {
    try {
      (void)repository.storage().Remove(Object(n));
    } catch (...) {
      // An old heartbeat does no harm (the newest counts), and a lease left behind expires.
    }
  }

  void Renew() {
    next = repository.clock().Steady() + kRetryAfter;
    try {
      repository.CheckStillThere();
      Put(number + 1);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kUnavailable) return;
      throw;
    }
    next = repository.clock().Steady() + kLeaseRenewal;
    RemoveQuietly(number++);
  }
};

Lease::Lease(const Repository& repository, LeaseDraft draft)
    : state_(new State{.repository = repository,
                       .draft = std::move(draft),
                       .started = repository.storage().StoreTime(),
                       .mutex = {},
                       .next = repository.clock().Steady() + kLeaseRenewal}) {
  state_->Put(0);
}

Lease::~Lease() {
  state_->RemoveQuietly(state_->number);
  state_->RemoveQuietly(state_->number + 1);  // there when a renewal's answer was lost
}

void Lease::KeepAlive() {
  const std::unique_lock lock(state_->mutex, std::try_to_lock);
  if (lock.owns_lock() && state_->repository.clock().Steady() >= state_->next) state_->Renew();
}

std::string Lease::object() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->Object(state_->number);
}

base::Time Lease::started() const { return state_->started; }

std::vector<LeaseInfo> ListLeases(storage::Storage& storage) {
  for (int attempt = 0; attempt < kMaxListings; ++attempt) {
    std::map<std::string, LeaseInfo> newest;
    if (!ReadLeases(storage, newest)) continue;
    std::vector<LeaseInfo> leases;
    leases.reserve(newest.size());
    for (auto& [writer, info] : newest) leases.push_back(std::move(info));
    return leases;
  }
  throw Error(ErrorKind::kUnavailable, "the leases change too quickly to be read");
}

bool IsExpired(const LeaseInfo& lease, base::Time store_time) {
  return store_time - lease.heartbeat > kLeaseLifetime;
}

}  // namespace holdfast::repo
