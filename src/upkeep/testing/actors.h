// Who takes part in a schedule: each a machine of its own, with a clock of its own, on which one
// process after the other runs the real code.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "repo/testing/model_backup.h"
#include "upkeep/testing/actor_storage.h"

namespace holdfast::upkeep {

// Every file has a pack of its own.
inline const repo::ModelOptions kModelOptions{.kind = "volume", .pack_size = 1};
repo::Model FirstModel();
// One or two of the files are others.
repo::Model Changed(repo::Model model, std::uint32_t draw);

// The actors of one world; kept until the schedule is over.
class Cast {
 public:
  // `models`: of the backups that are there.
  Cast(World& world, std::map<repo::BackupId, repo::Model> models);
  ~Cast();

  void AddWriter(Temper temper);
  void AddPruner(Temper temper, base::Duration grace);
  void AddForgetter(Temper temper);
  void AddReader(Temper temper);
  void AddPinner(Temper temper);

 private:
  class Machine;
  using Work = std::function<void(Machine&)>;
  struct Role {
    std::string name;
    int runs = 0;
    base::Duration longest_pause{};
    std::vector<std::pair<storage::Verb, std::string>> nap_points;
    Work work;
  };

  void Add(Role role, Temper temper);
  void RunAll(Machine& machine, const Role& role);
  std::optional<Nap> DrawNap(const Role& role);
  void BackUp(Machine& machine);
  void Prune(Machine& machine, base::Duration grace);
  void Forget(Machine& machine);
  void Restore(Machine& machine);
  void Pin(Machine& machine);
  std::optional<repo::BackupId> AnyListed(Machine& machine, bool newest);

  World& world_;
  std::map<repo::BackupId, repo::Model> models_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace holdfast::upkeep
